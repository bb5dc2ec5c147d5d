import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { judgeLabels, LabelledRows, surveyLabels } from '../../../src/dataset/labelled/rows.ts';
import { Report } from '../../../src/dataset/problem.ts';
import { tokenizeFile } from '../../../src/dataset/tokenize.ts';
import { validateTrainingFile } from '../../../src/dataset/validate.ts';
import { GgufMetadata } from '../../../src/formats/gguf-metadata.ts';
import { EncoderCodec } from '../../../src/text/encoder-codec.ts';
import { tinyEncoderTokenizer } from '../../tiny-encoder.ts';

const folder = mkdtempSync(join(tmpdir(), 'tunesmith-labelled-'));
afterAll(() => rmSync(folder, { recursive: true }));

const codec = EncoderCodec.fromGguf(new GgufMetadata(Object.entries(tinyEncoderTokenizer())));
const fit = { codec, tokensMax: 64 };

let files = 0;
function file(pairs: readonly (readonly [text: string, answer: string])[]): string {
  const path = join(folder, `${files++}.jsonl`);
  const rows = pairs.map(([content, answer]) => ({
    messages: [
      { role: 'system', content: 'Label this.' },
      { role: 'user', content },
      { role: 'assistant', content: answer },
    ],
  }));
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

const repeated = <T>(pairs: readonly T[], times = 5): T[] => Array.from({ length: times }, () => pairs).flat();

test('plain answers are labels; the text is what the user said, judged at its first token', async () => {
  const path = file(
    repeated([
      ['good news', 'ham'],
      ['buy now', 'spam'],
    ]),
  );
  const survey = await surveyLabels(path, null);
  expect(survey.labelSet).toEqual({ task: 'classification', labels: ['ham', 'spam'], form: null });
  const rows = new LabelledRows(codec, survey.labelSet, 'training');
  const [first, second] = await tokenizeFile(path, { encoder: rows, tokensMax: 64, role: 'training' });
  expect(codec.tokenizer.decode(first!.sequences[0]!.ids)).toBe('good news');
  expect(first!.sequences[0]!.judged).toEqual({ positions: Int32Array.of(0), targets: Int32Array.of(0) });
  expect(second!.sequences[0]!.judged!.targets).toEqual(Int32Array.of(1));
  const report = await validateTrainingFile(path, { ...fit, codec: rows, role: 'training' });
  expect(report).toMatchObject({ ok: true, examples: 10, supervisedTokens: 10 });
});

test('JSON lists of texts are several labels each, none included', async () => {
  const path = file(
    repeated([
      ['good news', '["a","b"]'],
      ['buy now', '[]'],
      ['news', '["b"]'],
    ]),
  );
  const { labelSet } = await surveyLabels(path, null);
  expect(labelSet).toEqual({ task: 'multi_label', labels: ['a', 'b'], form: null });
  const rows = await tokenizeFile(path, {
    encoder: new LabelledRows(codec, labelSet, 'training'),
    tokensMax: 64,
    role: 'training',
  });
  expect(rows.slice(0, 3).map(({ sequences }) => [...sequences[0]!.judged!.targets])).toEqual([
    [1, 1],
    [0, 0],
    [0, 1],
  ]);
});

test('entities become tags of words, at the first piece of each', async () => {
  const path = file(
    repeated([
      ['ada lovelace buys news', '{"PER":["ada lovelace"],"LOC":[]}'],
      ['no news', '{}'],
    ]),
  );
  const { labelSet } = await surveyLabels(path, null);
  expect(labelSet).toMatchObject({ task: 'token_classification', labels: ['PER'], form: { shape: 'by_type' } });
  const [row] = await tokenizeFile(path, {
    encoder: new LabelledRows(codec, labelSet, 'training'),
    tokensMax: 64,
    role: 'training',
  });
  const { words } = codec.encode('ada lovelace buys news', 64);
  expect([...row!.sequences[0]!.judged!.positions]).toEqual(words.map(({ position }) => position));
  expect([...row!.sequences[0]!.judged!.targets]).toEqual([1, 2, 0, 0]);
});

test('a label that only the validation file has is an error of its line', async () => {
  const { labelSet } = await surveyLabels(
    file(
      repeated([
        ['good', 'ham'],
        ['buy', 'spam'],
      ]),
    ),
    null,
  );
  const path = file([
    ['good', 'ham'],
    ['buy', 'Spam'],
  ]);
  const report = await validateTrainingFile(path, {
    ...fit,
    codec: new LabelledRows(codec, labelSet, 'validation'),
    role: 'validation',
  });
  expect(report.errors[0]).toMatchObject({ line: 2 });
  expect(report.failure!.message).toMatch(
    /Example 2 has the label "Spam", which no example of the training file has; expected "ham", "spam"/,
  );
});

test('answers that are none of the task are errors, each with its line', async () => {
  const path = file([
    ['good news', '{"PER":["good"]}'],
    ['buy now', 'nothing'],
    ['news', '{"PER":"x"}'],
  ]);
  const { labelSet } = await surveyLabels(path, 'token_classification');
  const report = await validateTrainingFile(path, {
    ...fit,
    codec: new LabelledRows(codec, labelSet, 'training'),
    role: 'training',
  });
  expect(report.errors.map(({ line, message }) => [line, message])).toEqual([
    [2, expect.stringContaining('"nothing", which is not JSON')],
    [3, expect.stringContaining('"PER" is "x"; expected a list of texts')],
  ]);
});

test('what cannot be aligned is told by line', async () => {
  const path = file(
    repeated([
      ['good news', '{"PER":["good"]}'],
      ['buy now', '{"PER":["rome"]}'],
    ]),
  );
  const { labelSet } = await surveyLabels(path, null);
  const rows = new LabelledRows(codec, labelSet, 'training');
  await validateTrainingFile(path, { ...fit, codec: rows, role: 'training' });
  expect(rows.warnings).toEqual([
    expect.stringMatching(
      /^Entities of the training file that could not be aligned .*\(lines 2, 4, .*line 2: "rome" is not in the user's message/,
    ),
  ]);
});

test('an entity in the part that is cut off is no fault, and teaches nothing', async () => {
  const text = `paris ${'good news '.repeat(40)}london`;
  const path = file(repeated([[text, '{"LOC":["paris","london"]}']]));
  const { labelSet } = await surveyLabels(path, null);
  const rows = new LabelledRows(codec, labelSet, 'training');
  const [row] = await tokenizeFile(path, { encoder: rows, tokensMax: 16, role: 'training' });
  expect(rows.warnings).toEqual([]);
  expect(row!.truncated).toBe(true);
  expect([...row!.sequences[0]!.judged!.targets]).toEqual([1, ...Array.from({ length: 13 }, () => 0)]);
});

test('one label, none, and free texts are no classification', async () => {
  const judge = async (pairs: [string, string][]): Promise<string[]> => {
    const report = new Report(null);
    judgeLabels(await surveyLabels(file(pairs), null), report);
    return report.problems.map(({ message }) => message);
  };
  expect(await judge(repeated([['good', 'ham']]))).toEqual([expect.stringContaining('one label, "ham"; expected')]);
  expect(await judge(repeated([['good', '{}']]))).toEqual([expect.stringContaining('no types of entities')]);
  const texts = Array.from({ length: 30 }, (_, i): [string, string] => ['good', `An answer of number ${i}`]);
  expect(await judge(texts)).toEqual([expect.stringContaining('30 different texts in 30 examples')]);
  expect(
    await judge(
      repeated([
        ['good', 'ham'],
        ['buy', 'spam'],
      ]),
    ),
  ).toEqual([]);
});

test('long texts are cut before the closing token', () => {
  const { ids, words, tokens, truncated } = codec.encode('good news '.repeat(100), 16);
  expect(ids.length).toBe(16);
  expect(codec.tokenizer.isControl(ids.at(-1)!)).toBe(true);
  expect(words.at(-1)!.position).toBeLessThan(15);
  expect(truncated).toBe(true);
  expect(tokens).toBeGreaterThan(200);
});
