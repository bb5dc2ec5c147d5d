import { truncate, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { validateTrainingFile, type ValidationOptions, type ValidationReport } from '../../src/dataset/validate.ts';
import { openGguf } from '../../src/formats/gguf.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { temporaryFolder, type TemporaryFolder } from '../formats/folder.ts';
import { chatMl } from '../text/templates.ts';
import { writeTinyLlama } from '../tiny-model.ts';

let folder: TemporaryFolder;
let codec: TextCodec;

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeTinyLlama(folder.file('model.gguf'));
  await using gguf = await openGguf(folder.file('model.gguf'));
  codec = TextCodec.fromGguf(gguf.metadata);
});
afterAll(() => folder[Symbol.asyncDispose]());

async function validate(content: string | Buffer, options: Partial<ValidationOptions> = {}): Promise<ValidationReport> {
  const path = folder.file('file.jsonl');
  await writeFile(path, content);
  return await validateTrainingFile(path, { codec, tokensMax: 256, role: 'training', ...options });
}

const line = (question: string, answer: unknown = 'Yes.', more: object = {}): string =>
  JSON.stringify({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
    ...more,
  });

const good = (count = 10): string[] => Array.from({ length: count }, (_, i) => line(`Is ${i} a number?`));

/** Ten good lines with the fourth replaced. */
const withFourth = (fourth: string): string => [...good(3), fourth, ...good(10).slice(4)].join('\n');

test('a good file is counted the way it will be trained', async () => {
  const report = await validate(`\uFEFF${good(12).join('\r\n')}\r\n\r\n`);
  expect(report).toMatchObject({
    ok: true,
    examples: 12,
    truncatedLines: [],
    warnings: [expect.stringMatching(/^All 12 examples have the same answer, "Yes\."/)],
    errors: [],
    errorCount: 0,
    failure: null,
  });
  const encoded = codec.encodeExample(
    {
      messages: [
        { role: 'user', content: 'Is 0 a number?' },
        { role: 'assistant', content: 'Yes.' },
      ],
    },
    1,
  );
  // The last two questions have one character more, which may or may not be a token more.
  const [{ ids, mask }] = encoded as [(typeof encoded)[0]];
  expect(report.tokens).toBeGreaterThanOrEqual(12 * ids.length);
  expect(report.tokens).toBeLessThanOrEqual(12 * ids.length + 2);
  expect(report.supervisedTokens).toBe(12 * mask.reduce((a, b) => a + b, 0));
});

/** A file, and the error of the job that is given it. */
const refused: [name: string, content: () => string | Buffer, code: string, message: RegExp][] = [
  [
    'an empty file',
    () => '',
    'invalid_training_file',
    /^The job failed due to an invalid training file\. The file is empty, but must have one JSON object per line/,
  ],
  ['a file of blank lines', () => '\n\n \n', 'invalid_training_file', /The file is empty/],
  [
    'nine examples',
    () => good(9).join('\n'),
    'invalid_n_examples',
    /^Training file has 9 example\(s\), but must have at least 10 examples$/,
  ],
  [
    'prose',
    () => 'Dear model,\nplease learn.\n',
    'invalid_file_format',
    /^The job failed due to a file format error in the training file\. Invalid file format\. Example 1 is not valid JSON \(.*\), but must be one JSON object on one line\. \(line 1\) 2 problems were found in all, on lines 1 and 2\.$/,
  ],
  [
    'JSON over several lines',
    () =>
      JSON.stringify(
        good().map((each) => JSON.parse(each) as unknown),
        null,
        2,
      ),
    'invalid_file_format',
    /Example 1 is not valid JSON .*\(line 1\)/,
  ],
  [
    'a JSON list',
    () => withFourth('[]'),
    'invalid_file_format',
    /Example 4 is an empty list, but must be a JSON object\. \(line 4\)$/,
  ],
  [
    'bytes that are not UTF-8',
    () =>
      Buffer.concat([
        Buffer.from(`${good(3).join('\n')}\n`),
        Buffer.from([0xc3, 0x28, 0x0a]),
        Buffer.from(good(10).join('\n')),
      ]),
    'invalid_file_format',
    /Example 4 is not UTF-8 text, but must be one JSON object in UTF-8\. \(line 4\)$/,
  ],
  [
    'random bytes',
    () => Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919 + 200) % 256)),
    'invalid_file_format',
    /Example 1 is not UTF-8 text/,
  ],
  [
    'a gzip archive',
    () => gzipSync(good().join('\n')),
    'invalid_file_format',
    /The file is a gzip archive, but must be UTF-8 text with one JSON object per line/,
  ],
  [
    'UTF-16',
    () => Buffer.from(`\uFEFF${good().join('\n')}`, 'utf16le'),
    'invalid_file_format',
    /The file is UTF-16 text/,
  ],
  [
    'a prompt/completion file',
    () => Array.from({ length: 10 }, () => '{"prompt":"a","completion":"b"}').join('\n'),
    'invalid_training_file',
    /Unexpected file format, expected chat messages/,
  ],
  [
    'an unknown role',
    () => withFourth(JSON.stringify({ messages: [{ role: 'human', content: 'x' }] })),
    'invalid_training_file',
    /Example 4, message 1 Discriminator 'role' is "human", expected one of .* \(line 4, \$\.messages\[0\]\.role\)$/,
  ],
  [
    'no assistant message',
    () => withFourth(JSON.stringify({ messages: [{ role: 'user', content: 'x' }] })),
    'invalid_training_file',
    /Example 4, key "messages": At least one message must be from the assistant\. \(line 4, \$\.messages\)$/,
  ],
  [
    'a weight on the line',
    () => withFourth(line('a', 'b', { weight: 1 })),
    'invalid_file_format',
    /Invalid file format\. Example 4 contains an extra "weight"\..* \(line 4, \$\.weight\)$/,
  ],
  [
    'a wrong weight',
    () => withFourth(line('a', 'b').replace('"content":"b"', '"content":"b","weight":0.5')),
    'invalid_file_format',
    /Example 4, message 2: "weight" is 0\.5, but must be 0 or 1\. \(line 4, \$\.messages\[1\]\.weight\)$/,
  ],
  [
    'a file in which every answer has weight 0',
    () => good().join('\n').replaceAll('"content":"Yes."', '"content":"Yes.","weight":0'),
    'invalid_training_file',
    /every assistant message has "weight": 0, so there is nothing to learn/,
  ],
  [
    'an example whose cut leaves nothing to learn',
    () => withFourth(line('why? '.repeat(300))),
    'invalid_training_file',
    /Example 4 has nothing left to learn after it was cut to 256 tokens: the first trained message of the assistant begins at token \d+\. \(line 4, \$\.messages\)$/,
  ],
];

test.each(refused)(
  '%s is refused with what was found, what was expected and where',
  async (_, content, code, message) => {
    const { ok, failure } = await validate(content());
    expect(ok).toBe(false);
    expect(failure).toEqual({ code, param: 'training_file', message: expect.stringMatching(message) as string });
  },
);

test('every fault is listed, the first with the number of all', async () => {
  const lines = good(12);
  lines[2] = '{';
  lines[7] = line('a', null);
  lines[9] = JSON.stringify({ messages: [{ role: 'user', content: 1, mood: 2 }] });
  const report = await validate(lines.join('\n'));
  expect(report.errors.map(({ line, path, code }) => [line, path, code])).toEqual([
    [3, '$', 'invalid_file_format'],
    [8, '$.messages[1].content', 'invalid_training_file'],
    [10, '$.messages[0].mood', 'invalid_file_format'],
    [10, '$.messages[0].content', 'invalid_training_file'],
  ]);
  expect(report.errorCount).toBe(4);
  expect(report.failure?.message).toMatch(/\(line 3\) 4 problems were found in all, on lines 3, 8 and 10\.$/);
});

test('a validation file may be small, and its faults are called its own', async () => {
  expect((await validate(good(1)[0]!, { role: 'validation' })).ok).toBe(true);
  const { failure } = await validate(JSON.stringify({ messages: [] }), { role: 'validation' });
  expect(failure).toMatchObject({ code: 'invalid_validation_file', param: 'validation_file' });
  expect(failure?.message).toMatch(/^The job failed due to an invalid validation file\. /);
});

test('a file of nothing but answers is refused; one example that asks is enough for them to be meant', async () => {
  await writeTinyLlama(folder.file('plain.gguf'), { chatTemplate: chatMl });
  await using gguf = await openGguf(folder.file('plain.gguf'));
  const plain = { codec: TextCodec.fromGguf(gguf.metadata) };
  const answers = Array.from({ length: 10 }, (_, i) => `{"messages":[{"role":"assistant","content":"${i}"}]}`);
  expect((await validate(answers.join('\n'), plain)).failure).toEqual({
    code: 'invalid_training_file',
    param: 'training_file',
    message:
      'The job failed due to an invalid training file. Every message of every example is from the assistant, so everything is supervised and nothing asks for it; expected messages that are answered.',
  });
  expect((await validate([...answers, good(1)[0]!].join('\n'), plain)).failure).toBeNull();
});

test('a chat template that writes nothing but answers is refused', async () => {
  const chatTemplate =
    "{% for message in messages %}{% if message.role == 'assistant' %}{{ message.content }}{% endif %}{% endfor %}";
  await writeTinyLlama(folder.file('silent.gguf'), { chatTemplate });
  await using gguf = await openGguf(folder.file('silent.gguf'));
  const { failure } = await validate(good().join('\n'), { codec: TextCodec.fromGguf(gguf.metadata) });
  expect(failure?.message).toMatch(
    /chat template writes nothing but the assistant's messages, so every token is supervised/,
  );
});

test('blank lines do not count as examples, but as lines', async () => {
  const { failure } = await validate(`\n${good(3).join('\n\n')}\n\n{}\n`);
  expect(failure?.message).toMatch(/Example 4 is missing key 'messages'\..*\(line 8\)$/);
});

test('what trains and is yet worth a word is told with its lines', async () => {
  const call = {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'c', type: 'function', function: { name: 'fly', arguments: '{}' } }],
  };
  const lines = [
    ...good(10),
    good(1)[0]!,
    line('Say it often.', 'often '.repeat(300)),
    JSON.stringify({ messages: [{ role: 'user', content: 'Fly!' }, call, { role: 'user', content: 'Thanks.' }] }),
  ];
  const training = await validate(lines.join('\n'));
  expect(training).toMatchObject({ ok: true, truncatedLines: [12] });
  expect(training.warnings).toEqual([
    'Longer than 256 tokens, will be cut at the end: 1 example of the training file (line 12).',
    'The same as an earlier line, word for word: 1 example of the training file (line 11).',
    'Tool calls that no tool message answers: 1 example of the training file (line 13).',
    'A call of "fly" that "tools" does not define: 1 example of the training file (line 13).',
    'Messages after the last assistant message, which teach nothing: 1 example of the training file (line 13).',
  ]);
  const held = [line('New?'), ...good(2)].join('\n');
  const validation = await validate(held, { role: 'validation', known: training.fingerprints });
  expect(validation.warnings).toEqual([
    'Also in the training file, so that validation looks better than it is: 2 examples of the validation file (lines 2 and 3).',
  ]);
});

test('a large file leaves the event loop its turns, and stops when asked to', async () => {
  const path = folder.file('large.jsonl');
  await writeFile(
    path,
    Array.from({ length: 30_000 }, (_, i) => line(`What comes after ${i}?`, `${i + 1}`)).join('\n'),
  );
  const stop = new AbortController();
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
    if (turns === 20) stop.abort(new Error('enough'));
  }, 1);
  const validation = validateTrainingFile(path, { codec, tokensMax: 256, role: 'training', signal: stop.signal });
  await expect(validation).rejects.toThrow(/enough|aborted/);
  clearInterval(timer);
  expect(turns).toBeGreaterThanOrEqual(20);
});

test('a line of half a gigabyte is refused without being read into memory', async () => {
  const path = folder.file('endless.jsonl');
  await writeFile(path, `${good(10).join('\n')}\n{"messages": "`);
  await truncate(path, 512 * 2 ** 20); // a hole in the file: zeros to the end, no bytes on the disk
  const before = process.memoryUsage().rss;
  const { failure } = await validateTrainingFile(path, { codec, tokensMax: 256, role: 'training' });
  expect(failure?.message).toMatch(/Example 11 is longer than 64 MiB.*\(line 11\)$/);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
});
