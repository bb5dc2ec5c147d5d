/**
 * The text that a page is about, without menus, banners and footers.
 *
 * Readability finds the article; where it finds none, all visible text counts. Paragraphs, headings and list items
 * stay lines of their own, preformatted text stays as it is.
 */

import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom';

export interface PageText {
  readonly title: string;
  readonly text: string;
}

const elementsMax = 50_000;
const depthMax = 500;
/** Readability goes up and down the tree again and again: beyond these it takes minutes, and all visible text must do. */
const articleDepthMax = 150;
const articleDepthsMax = 400_000;

/** Throws when the page cannot be made sense of: too many elements, or nested too deeply. */
export function mainText(html: string): PageText {
  if ((html.match(/<[a-z]/gi)?.length ?? 0) > elementsMax) throw new Error(`more than ${elementsMax} elements`);
  const { document } = parseHTML(/<html[\s>]/i.test(html) ? html : `<html><body>${html}</body></html>`);
  const { depth, depths } = measure(document.documentElement);
  if (depth > depthMax) throw new Error('nested too deeply');
  const title = oneLine(document.title ?? '');
  for (const name of ['script', 'style', 'noscript', 'template', 'iframe'])
    for (const element of document.querySelectorAll(name)) element.remove();
  const visible: PageText = { title, text: blockText(document.body) };
  if (depth > articleDepthMax || depths > articleDepthsMax) return visible;
  const article = new Readability<TreeNode>(document, {
    charThreshold: 200, // short pages are pages, too
    serializer: (node) => node,
  }).parse();
  if (article?.content === null || article?.content === undefined) return visible;
  const text = blockText(article.content);
  return { title: oneLine(article.title ?? '') || title, text: text === '' ? visible.text : text };
}

/** The depth of the tree, and that of all nodes together. */
function measure(root: TreeNode): { depth: number; depths: number } {
  let [depth, depths] = [0, 0];
  const waiting: [node: TreeNode, depth: number][] = [[root, 1]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [node, at] = next;
    depth = Math.max(depth, at);
    depths += at;
    for (const child of node.childNodes) waiting.push([child, at + 1]);
  }
  return { depth, depths };
}

/** As much of the DOM as is walked here. */
interface TreeNode {
  readonly nodeType: number;
  readonly nodeName: string;
  readonly textContent: string | null;
  readonly childNodes: Iterable<TreeNode>;
}

const textNode = 3;
const blocks = new Set(
  'ADDRESS ARTICLE ASIDE BLOCKQUOTE DD DIV DL DT FIGCAPTION FIGURE FOOTER FORM H1 H2 H3 H4 H5 H6 HEADER HR LI MAIN NAV OL P PRE SECTION TABLE TR UL'.split(' '),
); // prettier-ignore
const paragraphs = new Set('P H1 H2 H3 H4 H5 H6 BLOCKQUOTE PRE UL OL TABLE ARTICLE SECTION'.split(' '));

/** Text with a line per block and an empty line around paragraphs. */
function blockText(root: TreeNode): string {
  const pieces: string[] = [];
  /** Line ends due before the next words: those of neighbouring blocks do not add up. */
  let due = 0;
  const say = (words: string): void => {
    if (words.trim() === '' && due > 0) return;
    pieces.push('\n'.repeat(due), words);
    due = 0;
  };
  const walk = (node: TreeNode): void => {
    for (const child of node.childNodes) {
      const name = child.nodeName.toUpperCase();
      const gap = paragraphs.has(name) ? 2 : blocks.has(name) ? 1 : 0;
      due = Math.max(due, gap);
      if (child.nodeType === textNode) say((child.textContent ?? '').replaceAll(/[\s\u00a0]+/g, ' '));
      else if (name === 'PRE') say(marked(child.textContent ?? ''));
      else if (name === 'BR') due = Math.max(due, 1);
      else {
        if (name === 'LI') say('- ');
        walk(child);
        if (name === 'TD' || name === 'TH') say(' ');
      }
      due = Math.max(due, gap);
    }
  };
  walk(root);
  const text = pieces
    .join('')
    .replaceAll(/ *\n */g, '\n')
    .replaceAll(/ {2,}/g, ' ');
  return unmarked(text.trim());
}

/** Spaces and line ends of preformatted text, out of the tidying's way. */
const marked = (text: string): string => text.replaceAll(' ', '\uE000').replaceAll('\n', '\uE001');
const unmarked = (text: string): string => text.replaceAll('\uE000', ' ').replaceAll('\uE001', '\n');

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/** The text of a page's bytes: the encoding is in its mark, in the header, or in the first lines of the page. */
export function decodePage(bytes: Uint8Array, contentType: string): string {
  const start = Buffer.from(bytes.subarray(0, 2048)).toString('latin1');
  const said = /charset\s*=\s*["']?\s*([\w:.-]+)/i;
  const marks: readonly [string, string][] = [
    ['\xef\xbb\xbf', 'utf-8'],
    ['\xff\xfe', 'utf-16le'],
    ['\xfe\xff', 'utf-16be'],
  ];
  const mark = marks.find(([magic]) => start.startsWith(magic))?.[1];
  const inPage = said.exec(
    /<meta[^>]*charset[^>]*>/i.exec(start)?.[0] ?? /<\?xml[^>]*encoding\s*=/i.exec(start)?.[0] ?? '',
  )?.[1];
  const label = mark ?? said.exec(contentType)?.[1] ?? inPage ?? 'utf-8';
  try {
    return new TextDecoder(label).decode(bytes);
  } catch {
    return new TextDecoder('utf-8').decode(bytes);
  }
}
