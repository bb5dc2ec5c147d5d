/** What the server's validation says of correct data that may train badly: the cheap findings, as warnings. */

import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { validateTrainingFile, type ValidationReport } from '../../../src/dataset/validate.ts';
import { openGguf } from '../../../src/formats/gguf.ts';
import { TextCodec } from '../../../src/text/codec.ts';
import { temporaryFolder, type TemporaryFolder } from '../../formats/folder.ts';
import { writeTinyLlama } from '../../tiny-model.ts';

let folder: TemporaryFolder;
let codec: TextCodec;

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeTinyLlama(folder.file('model.gguf'));
  await using gguf = await openGguf(folder.file('model.gguf'));
  codec = TextCodec.fromGguf(gguf.metadata);
});
afterAll(() => folder[Symbol.asyncDispose]());

async function validate(pairs: readonly (readonly [string, string])[]): Promise<ValidationReport> {
  const path = folder.file('file.jsonl');
  const rows = pairs.map(([question, answer]) => ({
    messages: [{ role: 'user', content: question }, { role: 'assistant', content: answer }], // prettier-ignore
  }));
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return await validateTrainingFile(path, { codec, tokensMax: 512, role: 'training' });
}

const sound = Array.from({ length: 12 }, (_, i) => [`Is ${i} even?`, i % 2 ? 'No.' : 'Yes.'] as const);

test('sound data is not warned about', async () => {
  expect((await validate(sound)).warnings).toEqual([]);
});

test('each finding is one warning with its lines and what to do; the file trains all the same', async () => {
  const { ok, warnings } = await validate([
    ...sound,
    ['Is 3 even?', 'Yes.'],
    ['Mail jane@firma.de, please.', 'No.'],
    ['Who are you?', 'As an AI language model, I cannot say.'],
    ['fÃ¼r\u200b', 'Yes.'],
  ]);
  expect(ok).toBe(true);
  expect(warnings).toEqual([
    expect.stringMatching(/decoded wrongly.*\(training file, line 16\)\. The clean step "unicode"/),
    expect.stringMatching(/invisible characters \(U\+200B 1\) \(training file, line 16\)/),
    expect.stringMatching(/personal data \(email 1\) \(training file, line 14\)/),
    expect.stringMatching(/1 prompt answered differently on different lines.*\(training file, lines 4 and 13\)/),
    expect.stringMatching(/1 answer declining to answer \(training file, line 15\)/),
  ]);
  expect(warnings.join('')).not.toContain('jane@firma.de');
});
