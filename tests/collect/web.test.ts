/** Pages of the web: main texts, politeness, what is refused, and going on where it stopped. */

import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Extractor } from '../../src/collect/extractor.ts';
import { decodePage, mainText } from '../../src/collect/main-text.ts';
import { listedUrls } from '../../src/collect/sitemap.ts';
import { collectWeb, type WebOptions } from '../../src/collect/web.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { article, openSite } from './site.ts';

let folder = '';
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'collect-'))));
afterEach(() => rm(folder, { recursive: true }));

const options: WebOptions = {
  userAgent: 'Tunesmith/1 (test)',
  delayMs: 0,
  timeoutMs: 2000,
  bytesMax: 1e6,
  allowInternal: true,
};

async function collected(urls: readonly string[], more: Partial<WebOptions> = {}): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for await (const each of collectWeb(urls, { ...options, ...more })) {
    if ('found' in each) texts[new URL(each.found.source).pathname] = each.found.text;
    else texts[new URL(each.skipped.source).pathname] = `left out: ${each.skipped.reason}`;
  }
  return texts;
}

test('the main text is the article: no menu, no banner, no footer; paragraphs, lists and code keep their lines', () => {
  const { title, text } = mainText(article('Tea', 'Water is boiled &amp; poured'));
  expect(title).toBe('Tea | Site');
  expect(text).toContain('Water is boiled & poured, and this');
  expect(text).not.toMatch(/cookies|Imprint|About us/);
  const lists = mainText(
    `<article>${'<p>Long enough, with commas, to be the text that counts, really.</p>'.repeat(5)}<ul><li>one</li><li>two</li></ul><pre>a\n  b</pre></article>`,
  );
  expect(lists.text).toContain('really.\n\n- one\n- two\n\na\n  b');
});

test('a page without an article gives what is visible; a hostile one an error', () => {
  expect(mainText('Just <b>a</b> word').text).toBe('Just a word');
  expect(() => mainText('<div>'.repeat(100_000))).toThrow('more than 50000 elements');
  expect(() => mainText(`${'<b>'.repeat(5000)}x`)).toThrow('nested too deeply');
  expect(mainText(`${'<div>'.repeat(400)}deep`).text).toBe('deep');
});

test('a page made to hold the reader up is given up in time, and the next one is read', async () => {
  await using extractor = new Extractor(4000);
  const bomb = Buffer.from('<'.repeat(2_000_000));
  await expect(extractor.extract({ kind: 'html', bytes: bomb, contentType: '' })).rejects.toThrow(
    /longer than 4 s|memory/,
  );
  const page = extractor.extract({ kind: 'html', bytes: Buffer.from('<p>fine'), contentType: '' });
  await expect(extractor.extract({ kind: 'pdf', bytes: Buffer.from('no PDF'), contentType: '' })).rejects.toThrow(
    /PDF/,
  );
  expect((await page).text).toBe('fine');
});

test('the encoding is in the mark, the header or the page', () => {
  const latin1 = Buffer.from('<meta charset="iso-8859-1">Grüße', 'latin1');
  expect(decodePage(latin1, 'text/html')).toContain('Grüße');
  expect(decodePage(Buffer.from('Grüße', 'latin1'), 'text/html; charset=windows-1252')).toBe('Grüße');
  expect(decodePage(Buffer.from('\uFEFFGrüße', 'utf16le'), 'text/html; charset=utf-8')).toBe('Grüße');
  expect(decodePage(Buffer.from('Grüße'), 'text/html; charset=klingon')).toBe('Grüße');
});

test('robots.txt is asked once and kept; what it forbids is not asked for', async () => {
  await using site = await openSite({
    '/robots.txt': 'User-agent: *\nDisallow: /private\n\nUser-agent: Tunesmith\nDisallow: /secret\n',
    '/a': article('A', 'alpha'),
    '/secret/b': article('B', 'beta'),
    '/to-secret': (_, response) => void response.writeHead(302, { location: '/secret/b' }).end(),
  });
  const texts = await collected([`${site.url}/a`, `${site.url}/secret/b`, `${site.url}/to-secret`]);
  expect(texts['/a']).toContain('alpha');
  expect(texts['/secret/b']).toBe('left out: robots.txt forbids it (line 5)');
  expect(texts['/to-secret']).toBe('left out: robots.txt forbids it (line 5)');
  expect(site.asked.map(({ path }) => path)).toEqual(['/robots.txt', '/a', '/to-secret']);
  expect(new Set(site.asked.map(({ agent }) => agent))).toEqual(new Set(['Tunesmith/1 (test)']));
});

test('a robots.txt that cannot be had forbids all, a missing one nothing', async () => {
  await using broken = await openSite({
    '/robots.txt': (_, response) => void response.writeHead(503).end(),
    '/a': article('A', 'a'),
  });
  expect((await collected([`${broken.url}/a`]))['/a']).toBe(`left out: ${broken.url}/robots.txt answers 503`);
  await using open = await openSite({ '/a': article('A', 'alpha') });
  expect((await collected([`${open.url}/a`]))['/a']).toContain('alpha');
});

test('a host has one request at a time with a pause between, its own wish if that is longer; hosts go side by side', async () => {
  const slow = (text: string) => (_: unknown, response: { end(body: string): void }) =>
    void setTimeout(() => response.end(article(text, text)), 30);
  await using site = await openSite({ '/1': slow('one'), '/2': slow('two'), '/3': slow('three') });
  await using wishing = await openSite({
    '/robots.txt': 'User-agent: *\nCrawl-delay: 0.2\n',
    '/1': article('1', 'x'),
    '/2': article('2', 'x'),
  });
  await collected([1, 2, 3].map((i) => `${site.url}/${i}`).concat(`${wishing.url}/1`, `${wishing.url}/2`), {
    delayMs: 60,
  });
  const pages = site.asked.filter(({ path }) => path !== '/robots.txt');
  for (const [i, { startMs }] of pages.entries())
    if (i > 0) expect(startMs - pages[i - 1]!.endMs).toBeGreaterThanOrEqual(55);
  const [, first, second] = wishing.asked;
  expect(second!.startMs - first!.endMs).toBeGreaterThanOrEqual(190);
  expect(first!.startMs).toBeLessThan(pages[2]!.startMs);
});

test('what is no page, too large, too slow or not there is left out with its reason, and the rest goes on', async () => {
  await using site = await openSite({
    '/image': (_, response) => void response.writeHead(200, { 'content-type': 'image/png' }).end('x'),
    '/large': Buffer.alloc(2_000_000),
    '/silent': () => undefined,
    '/empty': '<html><body><script>1</script></body></html>',
    '/text': (_, response) => void response.writeHead(200, { 'content-type': 'text/plain' }).end(' plain '),
  });
  const paths = ['image', 'large', 'silent', 'empty', 'missing', 'text'];
  expect(
    await collected(
      paths.map((path) => `${site.url}/${path}`),
      { timeoutMs: 200 },
    ),
  ).toEqual({
    '/image': 'left out: it is image/png, not a page',
    '/large': 'left out: is larger than 1000000 bytes.',
    '/silent': 'left out: no full answer within 0.2 s.',
    '/empty': 'left out: no text in it',
    '/missing': 'left out: it answers 404',
    '/text': 'plain',
  });
});

test('a host that says "later" is asked again after that time', async () => {
  let times = 0;
  await using site = await openSite({
    '/busy': (_, response) => {
      if (times++ === 0) response.writeHead(429, { 'retry-after': '1' }).end();
      else response.end(article('B', 'beta'));
    },
  });
  const startMs = Date.now();
  expect((await collected([`${site.url}/busy`]))['/busy']).toContain('beta');
  expect(Date.now() - startMs).toBeGreaterThan(950);
});

test('internal addresses are refused, in every spelling, and behind a redirect', async () => {
  await using site = await openSite({ '/a': article('A', 'alpha') });
  const port = site.host.split(':')[1]!;
  const urls = [
    `${site.url}/a`,
    `http://2130706433:${port}/b`,
    `http://0x7f.1:${port}/c`,
    `http://[::ffff:127.0.0.1]:${port}/d`,
    `http://localhost:${port}/e`,
  ];
  const texts = await collected(urls, { allowInternal: false });
  expect(Object.values(texts).every((text) => /left out: .*an internal address, and is refused/.test(text))).toBe(true);
  expect(site.asked).toEqual([]);
});

test('lists: lines with comments, sitemaps, sitemaps of sitemaps, packed ones; never without end', async () => {
  await using site = await openSite({});
  const loc = (path: string): string => `<url><loc> ${site.url}${path}?a=1&amp;b=2 </loc></url>`;
  site.pages['/map.xml'] = `<?xml version="1.0"?><urlset>${loc('/1')}${loc('/2')}</urlset>`;
  site.pages['/packed.xml.gz'] = gzipSync(`<urlset>${loc('/3')}</urlset>`);
  site.pages['/index.xml'] =
    `<sitemapindex><sitemap><loc>${site.url}/map.xml</loc></sitemap><sitemap><loc>${site.url}/packed.xml.gz</loc></sitemap></sitemapindex>`;
  site.pages['/loop.xml'] = `<sitemapindex><sitemap><loc>${site.url}/loop.xml</loc></sitemap></sitemapindex>`;
  site.pages['/open.xml'] = `<urlset>${'<loc>'.repeat(2_000_000)}`;
  site.pages['/cdata.xml'] = `<urlset><loc><![CDATA[${site.url}/4?a=1&b=2]]></loc></urlset>`;
  site.pages['/bomb.xml'] = gzipSync(Buffer.alloc(60 << 20));
  const request = { allowInternal: true };
  expect(await listedUrls(`${site.url}/index.xml`, request)).toEqual([1, 2, 3].map((i) => `${site.url}/${i}?a=1&b=2`));
  await expect(listedUrls(`${site.url}/loop.xml`, request)).rejects.toThrow('lists no page');
  await expect(listedUrls(`${site.url}/open.xml`, request)).rejects.toThrow('lists no page');
  expect(await listedUrls(`${site.url}/cdata.xml`, request)).toEqual([`${site.url}/4?a=1&b=2`]);
  await expect(listedUrls(`${site.url}/bomb.xml`, request)).rejects.toThrow('cannot be unpacked');
  await expect(listedUrls(`${site.url}/map.xml`, {})).rejects.toMatchObject({ code: 'address_refused' });
  const list = join(folder, 'urls.txt');
  await writeFile(list, `# pages\n${site.url}/1\n\n${site.url}/1\n${site.url}/2\n`);
  expect(await listedUrls(list, request)).toEqual([`${site.url}/1`, `${site.url}/2`]);
  await writeFile(list, `${site.url}/1\nnonsense\n`);
  await expect(listedUrls(list, request)).rejects.toThrow('line 2: "nonsense" is not a URL of a page');
});

test('the command writes texts, tells what is missing, and next time fetches only that', async () => {
  await using site = await openSite({ '/a': article('A', 'alpha'), '/b': article('B', 'beta') });
  const list = join(folder, 'urls.txt');
  const output = join(folder, 'pages.jsonl');
  await writeFile(list, ['a', 'b', 'c'].map((path) => `${site.url}/${path}\n`).join(''));
  const words = ['data', 'collect', 'web', list, '-o', output, '--delay', '0', '--allow-internal'];
  const first = await tunesmith(words);
  expect(first, first.stderr).toMatchObject({ code: 0, stdout: '' });
  expect(first.stderr).toContain(`left out ${site.url}/c: it answers 404`);
  expect(first.stderr).toContain(`2 pages in ${output}, 1 left out`);
  site.pages['/c'] = article('C', 'gamma');
  site.asked.length = 0;
  const second = await tunesmith(words);
  expect(second.stderr).toContain('2 of 3 pages are there already');
  expect(site.asked.map(({ path }) => path)).toEqual(['/robots.txt', '/c']);
  const rows = (await readFile(output, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { source: string; text: string; title: string });
  expect(rows.map(({ source }) => source)).toEqual(['a', 'b', 'c'].map((path) => `${site.url}/${path}`));
  expect(rows[2]!.text).toContain('gamma');
  expect(await readdir(folder)).toEqual(['pages.jsonl', 'urls.txt']);
  const refused = await tunesmith(words.slice(0, -1));
  expect(refused).toMatchObject({ code: 0 }); // all are there: nothing is fetched
  const elsewhere = await tunesmith(['data', 'collect', 'web', list, '--delay', '0']);
  expect(elsewhere.code).toBe(1);
  expect(elsewhere.stderr).toMatch(/refused[\s\S]*Error: None of 3 pages gave a text/);
});

test('Ctrl-C leaves no half output but what is there, and the same command goes on', async () => {
  const stop = new AbortController();
  await using site = await openSite({
    '/a': article('A', 'alpha'),
    '/b': (_, response) => void (stop.signal.aborted ? response.end(article('B', 'beta')) : stop.abort()),
  });
  const list = join(folder, 'urls.txt');
  const output = join(folder, 'pages.jsonl');
  await writeFile(list, `${site.url}/a\n${site.url}/b\n`);
  const words = ['data', 'collect', 'web', list, '-o', output, '--delay', '0', '--allow-internal'];
  const stopped = await tunesmith(words, { signal: stop.signal });
  expect(stopped).toMatchObject({ code: 130 });
  expect(stopped.stderr).toContain(`Stopped. What is there is in ${output}.part; the same command goes on from there.`);
  expect(await readdir(folder)).toEqual(['pages.jsonl.part', 'urls.txt']);
  await writeFile(`${output}.part`, '{"text":"torn', { flag: 'a' }); // as a crash would leave it
  site.asked.length = 0;
  expect((await tunesmith(words)).code).toBe(0);
  expect(site.asked.map(({ path }) => path)).toEqual(['/robots.txt', '/b']);
  expect((await readFile(output, 'utf8')).trim().split('\n')).toHaveLength(2);
  expect(await readdir(folder)).toEqual(['pages.jsonl', 'urls.txt']);
});

test('a refused address names the option that would let it through', async () => {
  await using site = await openSite({ '/a': article('A', 'alpha') });
  const list = join(folder, 'refused.txt');
  await writeFile(list, `${site.url}/a\n`);
  const page = await tunesmith(['data', 'collect', 'web', list, '-o', join(folder, 'refused.jsonl')]);
  expect(page).toMatchObject({ code: 1, stderr: expect.stringContaining('--allow-internal') as unknown });
  const map = await tunesmith(['data', 'collect', 'web', `${site.url}/map.xml`]);
  expect(map).toMatchObject({ code: 1, stderr: expect.stringContaining('--allow-internal') as unknown });
  expect(site.asked).toEqual([]);
});
