/** `tunesmith export` on a tiny model: each form, what it is made of, what is refused, and what a damaged one meets. */

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareWith, assertFaithful, probesFrom, referenceAnswers } from '../../src/export/probes.ts';
import { Weights } from '../../src/export/weights.ts';
import { writeGgufModel } from '../../src/export/gguf-model.ts';
import { openGguf } from '../../src/formats/gguf.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { openTestHouse } from '../house.ts';
import { tunesmith, type Ran, type RunOptions } from '../cli/tunesmith.ts';
import { type ExportedHouse, fineTuned, makeHouse } from './exported-house.ts';

let house: ExportedHouse;
/** One export of everything, which most tests look into. */
let all: Ran;
beforeAll(async () => {
  house = await makeHouse();
  all = await exported([fineTuned, '--to', 'folder', '-o', out('all')]);
}, 60_000);
afterAll(() => house[Symbol.asyncDispose]());

const exported = (words: readonly string[], options?: RunOptions): Promise<Ran> =>
  tunesmith(['export', ...words, '--home', house.home, '--json'], options);

const out = (name: string): string => house.folder.file(name);
const adapterPath = (): string => join(house.home, 'models/fine-tuned/ftjob-tiny/step-3/adapter.gguf');
const basePath = (): string => join(house.home, 'models/base/tiny/model.gguf');

async function sumsHold(folder: string): Promise<boolean> {
  const lines = (await readFile(join(folder, 'SHA256SUMS'), 'utf8')).trimEnd().split('\n');
  for (const line of lines) {
    const [sum, name] = line.split('  ') as [string, string];
    const found = createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex');
    if (found !== sum) return false;
  }
  return lines.length > 0;
}

test('a merged GGUF in f32 gives every greedy answer of the base under its adapter', async () => {
  const { code, stdout, stderr } = await exported([fineTuned, '--to', 'gguf', '--type', 'f32', '-o', out('f32')]);
  expect(stderr).toContain('model.gguf: 10 of 10 greedy answers');
  expect(code).toBe(0);
  const { tested } = JSON.parse(stdout) as { tested: Record<string, { sameAnswers: number; drift: number }> };
  expect(tested['model.gguf']).toMatchObject({ sameAnswers: 10 });
  expect(tested['model.gguf']!.drift).toBeLessThan(1e-4);
  expect(await readdir(out('f32'))).toEqual(['README.md', 'SHA256SUMS', 'curves.svg', 'export.json', 'model.gguf']);
  expect(await sumsHold(out('f32'))).toBe(true);
  await using gguf = await openGguf(join(out('f32'), 'model.gguf'));
  expect(gguf.metadata.string('general.name')).toBe(fineTuned);
  expect(gguf.metadata.string('tokenizer.chat_template')).toContain('You are a small test model.');
});

test('everything leaves as one folder, each form tested, and the sums hold', async () => {
  expect(all.stderr).toContain('gguf/model.gguf: ');
  expect(all.code).toBe(0);
  const { tested, files } = JSON.parse(all.stdout) as { tested: Record<string, object>; files: object };
  expect(Object.keys(tested)).toEqual([
    'gguf/model.gguf',
    'gguf/adapter.gguf',
    'safetensors/model.safetensors',
    'peft/adapter_model.safetensors',
  ]);
  expect(tested['peft/adapter_model.safetensors']).toMatchObject({ probes: 10, sameAnswers: 10 });
  expect(Object.keys(files)).toEqual(expect.arrayContaining(['README.md', 'gguf/Modelfile', 'peft/tokenizer.json']));
  expect(await sumsHold(out('all'))).toBe(true);
});

test('the card tells data, base, licence, settings up to the checkpoint, curves and the test', async () => {
  const card = await readFile(join(out('all'), 'README.md'), 'utf8');
  expect(card).toContain(`Training data: mails.jsonl (file-train), SHA-256 ${'d'.repeat(64)}`);
  expect(card).toMatch(/SHA-256 of the base file: [0-9a-f]{64}/);
  expect(card).toContain('Licence of the base: unknown');
  expect(card).toContain('- train.rank: 4');
  expect(card).toContain('| validation loss | 1.2500 |');
  expect(card).toContain('| 3 | 1.333 | 1.250 |');
  expect(card).toContain('| accuracy | 0.9000 | 0.7700 to 0.9600 |');
  expect(card).not.toContain('| 4 |'); // that step came after the checkpoint
  expect(card).toContain('gguf/model.gguf: ');
  for (const use of [
    'llama-cli -m gguf/model.gguf',
    'llama-cli -m <the base> --lora gguf/adapter.gguf',
    'ollama create my-model -f gguf/Modelfile',
    'AutoModelForCausalLM.from_pretrained("<this folder>/safetensors")',
    'PeftModel.from_pretrained(base, "<this folder>/peft")',
  ])
    expect(card).toContain(`\`${use}\``);
  expect(await readFile(join(out('all'), 'curves.svg'), 'utf8')).toContain('<polyline');
});

test('q8_0 says how often it agrees, and keeps exact what it cannot hold', async () => {
  const { code, stderr } = await exported([fineTuned, '--to', 'gguf', '--type', 'q8_0', '-o', out('q8_0')]);
  expect(stderr).toMatch(/model\.gguf: \d+ of 10 greedy answers/);
  expect(code).toBe(0);
  await using gguf = await openGguf(join(out('q8_0'), 'model.gguf'));
  expect(gguf.tensors.get('blk.0.attn_q.weight')?.type).toBe('Q8_0');
  expect(gguf.tensors.get('blk.0.ffn_down.weight')?.type).toBe('F16'); // 80 columns are no whole blocks of 32
  expect(gguf.tensors.get('output_norm.weight')?.type).toBe('F32');
});

test('the adapter alone is the one that serves', async () => {
  expect(await readFile(join(out('all'), 'gguf/adapter.gguf'))).toEqual(await readFile(adapterPath()));
});

test('peft comes with its tokenizer and template', async () => {
  const config = JSON.parse(await readFile(join(out('all'), 'peft/adapter_config.json'), 'utf8')) as object;
  expect(config).toMatchObject({ peft_type: 'LORA', r: 4, lora_alpha: 8 });
  const tokenizer = JSON.parse(await readFile(join(out('all'), 'peft/tokenizer_config.json'), 'utf8')) as object;
  expect(tokenizer).toMatchObject({ eos_token: '<|im_end|>', chat_template: expect.stringContaining('<|im_start|>') });
});

test('safetensors has the names of Hugging Face', async () => {
  const folder = join(out('all'), 'safetensors');
  const { tensors } = await readSafetensors(join(folder, 'model.safetensors'));
  expect(tensors.get('model.layers.1.self_attn.k_proj.weight')?.shape).toEqual([32, 64]);
  expect(tensors.has('lm_head.weight')).toBe(false); // tied
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
  expect(config).toMatchObject({ model_type: 'llama', num_key_value_heads: 2, rope_theta: 100_000 });
  const generation = JSON.parse(await readFile(join(folder, 'generation_config.json'), 'utf8')) as object;
  expect(generation).toMatchObject({ eos_token_id: [0, 2] });
});

test("ollama's template says what the model's own says, and the stops are there", async () => {
  const text = await readFile(join(out('all'), 'gguf/Modelfile'), 'utf8');
  expect(text).toContain('FROM ./model.gguf\n');
  expect(text).toContain(
    'TEMPLATE """{{ range .Messages }}{{ if eq .Role "system" }}<|im_start|>system\n{{ .Content }}<|im_end|>\n{{ else if',
  );
  expect(text).toContain('{{ end }}{{ end }}<|im_start|>assistant\n"""');
  expect(text).toContain('SYSTEM """You are a small test model."""');
  expect(text).toContain('PARAMETER stop "<|im_end|>"');
});

test('ollama with the adapter takes the base along; a second time it needs force', async () => {
  const words = [fineTuned, '--to', 'ollama', '--adapter', '-o', out('ollama')];
  expect((await exported(words)).code).toBe(0);
  const text = await readFile(join(out('ollama'), 'Modelfile'), 'utf8');
  expect(text).toMatch(/^FROM \.\/base\.gguf\nADAPTER \.\/adapter\.gguf\n/);
  expect(await readFile(join(out('ollama'), 'base.gguf'))).toEqual(await readFile(basePath()));
  expect((await exported(words)).stderr).toContain('is there already; --force replaces it.');
  expect((await exported([...words, '--force'])).code).toBe(0);
});

test('beside a running server it works the same', async () => {
  await using _server = await openTestHouse({ home: house.home });
  const { code, stderr } = await exported([fineTuned, '--to', 'peft', '-o', out('beside')]);
  expect(stderr).toContain('adapter_model.safetensors: 10 of 10');
  expect(code).toBe(0);
});

test('a base model leaves too, but has no adapter to leave by itself', async () => {
  expect((await exported(['tiny', '--to', 'gguf', '-o', out('base')])).code).toBe(0);
  const { code, stderr } = await exported(['tiny', '--to', 'peft', '-o', out('base-peft')]);
  expect(code).toBe(1);
  expect(stderr).toContain('tiny has no adapter: it is a base model.');
});

test('what is no export of ours is not replaced even by force', async () => {
  await mkdir(out('precious'));
  await writeFile(join(out('precious'), 'thesis.txt'), 'years of work');
  const { code, stderr } = await exported([fineTuned, '--to', 'peft', '-o', out('precious'), '--force']);
  expect(code).toBe(1);
  expect(stderr).toContain('is there already; name another place with -o.');
  expect(await readdir(out('precious'))).toEqual(['thesis.txt']);
});

test('what cannot be is refused before anything is written', async () => {
  const before = await readdir(house.folder.path);
  expect(await exported(['ft:tiny:nobody', '--to', 'gguf', '-o', out('x')])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('The model "ft:tiny:nobody" is not on this machine.'),
  });
  expect((await exported([fineTuned, '--to', 'onnx', '-o', out('x')])).code).toBe(2);
  expect((await exported([fineTuned, '--to', 'gguf', '--merged', '--adapter', '-o', out('x')])).code).toBe(2);
  const q8 = await exported([fineTuned, '--to', 'safetensors', '--type', 'q8_0', '-o', out('x')]);
  expect(q8.stderr).toContain('safetensors has no q8_0; expected f32 or f16.');
  expect(await readdir(house.folder.path)).toEqual(before);
});

test('Ctrl-C leaves nothing behind', async () => {
  const before = await readdir(house.folder.path);
  const stop = new AbortController();
  const running = exported([fineTuned, '--to', 'folder', '-o', out('stopped')], { signal: stop.signal });
  setTimeout(() => stop.abort(), 200);
  const { code, stderr } = await running;
  expect(code).toBe(130);
  expect(stderr).toContain('Stopped.');
  expect(await readdir(house.folder.path)).toEqual(before);
});

test('an export that forgot the adapter is found out', async () => {
  await using bare = await Weights.open(basePath(), null);
  const codec = TextCodec.fromGguf(bare.metadata);
  const path = out('forgot.gguf');
  await writeGgufModel(path, { weights: bare, codec, type: 'f32', name: 'forgot', onTensor: () => {} });
  const asking = { threads: 1, signal: new AbortController().signal, onProbe: () => {} };
  const probes = probesFrom(codec, [], 512);
  const reference = await referenceAnswers(
    { modelPath: basePath(), adapter: adapterPath() },
    codec,
    probes,
    512,
    asking,
  );
  const comparison = await compareWith(reference, { modelPath: path, adapter: null }, asking);
  expect(comparison.sameAnswers).toBeLessThan(10);
  for (const type of ['f32', 'f16', 'q8_0'] as const)
    expect(() => assertFaithful('forgot.gguf', type, comparison)).toThrow(
      /The export is not offered: forgot\.gguf gave/,
    );
});
