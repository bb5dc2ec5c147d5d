import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mapTexts } from '../../../src/dataset/clean/example-texts.ts';
import { htmlToText } from '../../../src/dataset/clean/html.ts';
import { Cleaning, type CleanReport } from '../../../src/dataset/clean/pipeline.ts';
import { parseRecipe, readRecipe, stepNames, writeRecipe } from '../../../src/dataset/clean/recipe.ts';
import { tidyWhiteSpace } from '../../../src/dataset/clean/white-space.ts';
import { temporaryFolder, type TemporaryFolder } from '../../formats/folder.ts';

let folder: TemporaryFolder;
beforeAll(async () => void (folder = await temporaryFolder()));
afterAll(() => folder[Symbol.asyncDispose]());

const chat = (question: string, answer: string) => ({
  messages: [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ],
});

async function clean(
  rows: readonly unknown[],
  steps: readonly unknown[],
  seed = 42,
): Promise<{ rows: unknown[]; lines: string[]; report: CleanReport }> {
  const path = folder.file('dirty.jsonl');
  await writeFile(path, rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join(''));
  const cleaning = await Cleaning.prepare(path, parseRecipe({ seed, steps }, 'test'));
  const lines: string[] = [];
  for await (const line of cleaning.lines()) lines.push(line);
  return { rows: lines.map((line) => JSON.parse(line) as unknown), lines, report: cleaning.report() };
}

test('a row that nothing changes is given to the letter', async () => {
  const odd = '{ "messages" : [ {"content":"\\u0048i", "role":"user"}, {"role":"assistant","content":"Ho."} ] }';
  const { lines, report } = await clean(
    [odd],
    [{ step: 'unicode' }, { step: 'white_space' }, { step: 'exact_duplicates' }],
  );
  expect(lines).toEqual([odd]);
  expect(report.steps.every(({ changed, removed }) => changed + removed === 0)).toBe(true);
});

test('each step tells what it changed, with the text before and after', async () => {
  const { rows, report } = await clean(
    [chat('fÃ¼r  dich\u200b', 'Gut.  '), chat('<p>Hi &amp; bye</p>', 'Ok.')],
    [{ step: 'unicode' }, { step: 'html' }, { step: 'white_space' }],
  );
  expect(rows).toEqual([chat('für dich', 'Gut.'), chat('Hi & bye', 'Ok.')]);
  expect(report).toEqual({
    rowsIn: 2,
    rowsOut: 2,
    steps: [
      {
        step: 'unicode',
        changed: 1,
        removed: 0,
        samples: [{ line: 1, before: 'fÃ¼r  dich\u200b', after: 'für  dich' }],
      },
      {
        step: 'html',
        changed: 1,
        removed: 0,
        samples: [{ line: 2, before: '<p>Hi &amp; bye</p>', after: 'Hi & bye' }],
      },
      { step: 'white_space', changed: 1, removed: 0, samples: [{ line: 1, before: 'für  dich', after: 'für dich' }] },
    ],
  });
});

test('tool calls stay JSON, spaces, keys and ids and all', async () => {
  const row = {
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'mail a.b@c.org' }] },
      {
        role: 'assistant',
        tool_calls: [
          {
            id: 'call_1',
            type: 'function',
            function: {
              name: 'send',
              arguments: '{"to":  "a.b@c.org", "card": 4242424242424242, "say": "\\"hi\\" a.b@c.org"}',
            },
          },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: '{"sent": {"a.b@c.org": true}, "to": ["a.b@c.org"]}' },
      { role: 'assistant', content: 'Sent.' },
    ],
    tools: [{ type: 'function', function: { name: 'send', description: 'Ask a.b@c.org' } }],
  };
  const { rows } = await clean([row], [{ step: 'personal_data' }, { step: 'white_space' }, { step: 'html' }]);
  const expected = structuredClone(row);
  expected.messages[0]!.content = [{ type: 'text', text: 'mail [EMAIL]' }];
  expected.messages[1]!.tool_calls![0]!.function.arguments =
    '{"to":  "[EMAIL]", "card": "[CARD]", "say": "\\"hi\\" [EMAIL]"}';
  expected.messages[2]!.content = '{"sent": {"a.b@c.org": true}, "to": ["[EMAIL]"]}';
  expect(rows).toEqual([expected]);
});

test('all four formats are cleaned in all of their texts', () => {
  const upper = (row: Parameters<typeof mapTexts>[0], format: Parameters<typeof mapTexts>[1]) =>
    mapTexts(row, format, (text) => text.toUpperCase());
  const user = { role: 'user', content: 'q' };
  const say = (content: string) => [{ role: 'assistant', content }];
  expect(upper({ prompt: 'a', completion: 'b' }, 'completion')).toEqual({ prompt: 'A', completion: 'B' });
  expect(upper({ messages: [user, { role: 'assistant', content: null, refusal: 'no' }] }, 'chat')).toEqual({
    messages: [
      { role: 'user', content: 'Q' },
      { role: 'assistant', content: null, refusal: 'NO' },
    ],
  });
  expect(
    upper(
      { input: { messages: [user] }, preferred_completion: say('x'), non_preferred_completion: say('y') },
      'preference',
    ),
  ).toEqual({
    input: { messages: [{ role: 'user', content: 'Q' }] },
    preferred_completion: say('X'),
    non_preferred_completion: say('Y'),
  });
  expect(upper({ messages: [user], answer: { text: ['z', 1] }, tools: [{ name: 'f' }] }, 'reinforcement')).toEqual({
    messages: [{ role: 'user', content: 'Q' }],
    answer: { text: ['Z', 1] },
    tools: [{ name: 'f' }],
  });
});

test('the ends of prompts and completions hold the two apart and stay', async () => {
  const { rows } = await clean(
    [{ prompt: 'Some  text\n\n###\n\n', completion: ' good  one\nEND' }],
    [{ step: 'white_space' }],
  );
  expect(rows).toEqual([{ prompt: 'Some text\n\n###\n\n', completion: ' good one\nEND' }]);
});

test('rows are left out for a reason: errors, copies, near copies, refusals, language, length', async () => {
  const long =
    'The old lighthouse keeper wrote down every ship that passed the island between spring and autumn of that year';
  const { rows, report } = await clean(
    [
      chat('Hello?', 'Yes.'),
      'no json',
      chat('Hello?', 'Yes.'),
      chat(`${long}.`, 'Noted well.'),
      chat(`${long}!!`, 'Noted well.'),
      chat('Bomb?', "I'm sorry, but I can't help with that."),
      chat('Was ist die Hauptstadt von Deutschland und warum ist sie es nicht immer gewesen?', 'Berlin.'),
      chat('Nothing?', ' '),
      chat('Much?', 'x'.repeat(300)),
    ],
    [
      { step: 'refusals' },
      { step: 'language', keep: ['en'] },
      { step: 'length', min_answer: 1, max_example: 250 },
      { step: 'exact_duplicates' },
      { step: 'near_duplicates' },
    ],
  );
  expect(rows).toEqual([chat('Hello?', 'Yes.'), chat(`${long}.`, 'Noted well.')]);
  const reasons = report.steps.flatMap(({ step, samples }) => samples.map(({ line, after }) => [step, line, after]));
  expect(reasons).toEqual([
    ['errors', 2, expect.stringContaining('is not valid JSON')],
    ['refusals', 6, 'declines to answer'],
    ['language', 7, 'language de'],
    ['length', 8, 'an answer of 0 characters, less than 1'],
    ['length', 9, '305 characters, more than 250'],
    ['exact_duplicates', 3, 'the same as line 1'],
    ['near_duplicates', 5, 'nearly the same as line 4'],
  ]);
});

test('a copy is found after the steps before it made it one', async () => {
  const { rows } = await clean(
    [chat('Hi  there', 'Yes.'), chat('Hi there', 'Yes.')],
    [{ step: 'white_space' }, { step: 'exact_duplicates' }],
  );
  expect(rows.length).toBe(1);
  const other = [
    { ...chat('Same', 'Yes.'), tools: [{ type: 'function', function: { name: 'f' } }] },
    chat('Same', 'Yes.'),
  ];
  expect((await clean(other, [{ step: 'exact_duplicates' }])).rows.length).toBe(2);
});

test('what many answers open and close with is cut, and never all of an answer', async () => {
  const wrap = (text: string): string => `Sure, here is your answer: ${text} I hope this helps you!`;
  const rows = ['Red is warm.', 'Blue is cold.', 'Green is calm.', 'Black is dark.', 'White is light.'].map((text, i) =>
    chat(`c${i}`, wrap(text)),
  );
  const cleaned = await clean([...rows, chat('x', 'Yes. It is one of a kind.')], [{ step: 'boiler_plate' }]);
  expect(cleaned.rows).toEqual([
    ...['Red is warm.', 'Blue is cold.', 'Green is calm.', 'Black is dark.', 'White is light.'].map((text, i) =>
      chat(`c${i}`, text),
    ),
    chat('x', 'Yes. It is one of a kind.'),
  ]);
});

test('labels are balanced by lot: the same seed the same rows, another seed others', async () => {
  const rows = Array.from({ length: 60 }, (_, i) => chat(`${i}`, i % 6 === 0 ? 'spam' : 'ham'));
  const once = await clean(rows, [{ step: 'balance' }]);
  expect(once.rows.length).toBe(20);
  expect(once.rows.filter((row) => JSON.stringify(row).includes('spam')).length).toBe(10);
  expect((await clean(rows, [{ step: 'balance' }])).lines).toEqual(once.lines);
  expect((await clean(rows, [{ step: 'balance' }], 7)).lines).not.toEqual(once.lines);
  expect((await clean(rows, [{ step: 'balance', ratio: 2 }])).rows.length).toBe(30);
  const prose = rows.map((_, i) => chat(`${i}`, `answer ${i}`));
  await expect(clean(prose, [{ step: 'balance' }])).rejects.toThrow(/needs labels/);
});

test.each([
  ['<p>One</p><p>Two</p>', 'One\n\nTwo'],
  ['a<br>b<br/>c', 'a\nb\nc'],
  ['<ul><li>x</li><li>y</li></ul>', '- x\n- y'],
  ['<script>alert("<p>")</script>Hello <b>you</b>', 'Hello you'],
  ['Fish &amp; chips &#8364;5 &#x41; &unknown;', 'Fish & chips €5 A &unknown;'],
  ['a < b and c > d, Array<string>', 'a < b and c > d, Array<string>'],
  ['Use `<p>` or ```\n<div>x</div>\n``` <i>here</i>', 'Use `<p>` or ```\n<div>x</div>\n``` here'],
  ['<!-- note -->text<!-- open', 'text<!-- open'],
  ['<a href="https://x.org/?a=1&b=2">link</a>', 'link'],
])('%j reads %j', (html, text) => {
  expect(htmlToText(html)).toBe(text);
});

test.each([
  [' a  b \r\n\r\n\r\n\r\nc\u00a0d ', 'a b\n\nc d'],
  ['x\n    indented  code\n', 'x\n    indented code'],
  ['say ```\na   b\n\n\n\nc  \n``` end  now', 'say ```\na   b\n\n\n\nc  \n``` end now'],
])('%j is tidied to %j', (text, tidy) => {
  expect(tidyWhiteSpace(text)).toBe(tidy);
});

test('half a megabyte of unclosed tags, fences or spaces takes no longer than it should', () => {
  for (const piece of ['<script', '<!--', '<p ', '```', '`', ' ', '\n', '&', '<', '\t x']) {
    const text = piece.repeat(Math.ceil(500_000 / piece.length));
    const start = performance.now();
    htmlToText(text);
    tidyWhiteSpace(text);
    expect(performance.now() - start, piece).toBeLessThan(5000);
  }
});

test('a recipe is kept as YAML or JSON and read back; a wrong one says where and what steps there are', async () => {
  const recipe = parseRecipe(
    {
      steps: ['unicode', { step: 'length', max_example: 99 }].map((step) =>
        typeof step === 'string' ? { step } : step,
      ),
    },
    'x',
  );
  for (const name of ['recipe.yaml', 'recipe.json']) {
    await writeRecipe(folder.file(name), recipe);
    expect(await readRecipe(folder.file(name))).toEqual(recipe);
  }
  expect(await readFile(folder.file('recipe.yaml'), 'utf8')).toContain('  - step: unicode\n    form: NFC\n');
  expect(() => parseRecipe({ steps: [{ step: 'polish' }] }, 'r.yaml')).toThrow(
    /r\.yaml is not a recipe at steps\.0.*near_duplicates, balance/,
  );
  expect(() => parseRecipe({ steps: [{ step: 'unicode', from: 'NFC' }] }, 'r.yaml')).toThrow(/at steps\.0.*"from"/);
  expect(() => parseRecipe({ steps: [{ step: 'near_duplicates', similarity: 3 }] }, 'r.yaml')).toThrow(/similarity/);
  await writeFile(folder.file('bad.yaml'), 'steps: [');
  await expect(readRecipe(folder.file('bad.yaml'))).rejects.toThrow(/bad\.yaml is neither YAML nor JSON/);
  expect(stepNames.length).toBe(11);
});

test('Ctrl-C stops a pass', async () => {
  const path = folder.file('many.jsonl');
  await writeFile(path, `${JSON.stringify(chat('a', 'b'))}\n`.repeat(50));
  const prepare = Cleaning.prepare(path, parseRecipe({ steps: [{ step: 'near_duplicates' }] }, 'x'), {
    signal: AbortSignal.abort(),
  });
  await expect(prepare).rejects.toThrow(/abort/i);
});
