import { expect, test } from 'vitest';
import type { AnyExample } from '../../../src/domain/example.ts';
import type { DataRole, Finding, FindingCode } from '../../../src/dataset/findings/finding.ts';
import { Findings } from '../../../src/dataset/findings/findings.ts';
import { seededRandom } from '../../../src/random.ts';

const random = seededRandom(3);
const vocabulary = 'amber bridge cedar dawn ember forest garden harbour island jasmine kettle lantern meadow north orchard pebble quiet river stone timber umber valley willow yarrow zephyr'.split(' '); // prettier-ignore
const prose = (words: number): string => {
  const text = Array.from({ length: words }, () => vocabulary[Math.floor(random() * vocabulary.length)]).join(' ');
  return `The ${text} is what they have for you.`;
};

const chat = (question: string, answer: string, system?: string): AnyExample => ({
  format: 'chat',
  example: {
    messages: [
      ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  },
});

const sound = (count: number): AnyExample[] => Array.from({ length: count }, () => chat(prose(12), prose(16)));

async function find(files: Partial<Record<DataRole, readonly AnyExample[]>>): Promise<Finding[]> {
  const findings = await Findings.open({ across: true });
  for (const [role, examples] of Object.entries(files)) {
    for (const [i, checked] of examples.entries()) findings.see(role as DataRole, { line: i + 1, checked });
  }
  return await findings.findings();
}

async function one(code: FindingCode, training: readonly AnyExample[]): Promise<Finding> {
  const found = await find({ training });
  const [finding] = found.filter((each) => each.code === code);
  if (finding === undefined)
    throw new Error(`no ${code} among ${found.map((each) => each.code).join(', ') || 'nothing'}`);
  expect(finding.advice).not.toBe('');
  return finding;
}

test('sound data has nothing to find', async () => {
  expect(await find({ training: sound(60), test: sound(30) })).toEqual([]);
});

test('copies are found whatever their spacing, and near copies beside them', async () => {
  const rows = sound(20);
  const long = prose(60);
  rows.push(
    chat(long, 'Good.'),
    chat(long.replace('The', 'One'), 'Good.'),
    chat('Same  thing?', 'It is.'),
    chat('Same thing?', 'It  is.'),
  );
  expect(await one('exact_duplicates', rows)).toMatchObject({
    lines: [23, 24],
    groups: [[23, 24]],
    severity: 'warning',
  });
  expect(await one('near_duplicates', rows)).toMatchObject({ lines: [21, 22], groups: [[21, 22]] });
});

test('one prompt with two labels is a contradiction; with two free answers it is a note', async () => {
  const labelled = Array.from({ length: 12 }, (_, i) => chat(prose(8), i % 2 ? 'spam' : 'ham'));
  labelled.push(chat('Buy now', 'spam'), chat('buy  NOW', 'ham'), chat('Buy now', 'spam'));
  const finding = await one('contradicting_answers', labelled);
  expect(finding).toMatchObject({ severity: 'warning', groups: [[13, 14, 15]] });
  expect(await one('varying_answers', [...sound(9), chat('Why?', prose(9)), chat('Why?', prose(9))])).toMatchObject({
    severity: 'note',
    lines: [10, 11],
  });
  const systems = [...sound(9), chat('Why?', prose(9), 'Be brief.'), chat('Why?', prose(9), 'Be long.')];
  expect((await find({ training: systems })).map(({ code }) => code)).toEqual([]); // another system is another question
});

test('two preferences that say the opposite contradict each other, two that agree do not', async () => {
  const prefer = (question: string, better: string, worse: string): AnyExample => ({
    format: 'preference',
    example: {
      input: { messages: [{ role: 'user', content: question }] },
      preferred_output: [{ role: 'assistant', content: better }],
      non_preferred_output: [{ role: 'assistant', content: worse }],
    },
  });
  const finding = await one('varying_answers', [
    prefer('a?', 'x', 'y'),
    prefer('a?', 'y', 'x'),
    prefer('b?', 'x', 'y'),
  ]);
  expect(finding.lines).toEqual([1, 2]);
  const agreeing = [prefer('a?', 'x', 'y'), prefer('a?', 'x', 'z')];
  expect((await find({ training: agreeing })).map(({ code }) => code)).toEqual([]);
});

test('one class, and classes of very uneven size', async () => {
  expect(
    await one(
      'one_class',
      Array.from({ length: 12 }, () => chat(prose(8), 'yes')),
    ),
  ).toMatchObject({ severity: 'error' });
  const uneven = Array.from({ length: 120 }, (_, i) => chat(prose(8), i % 20 === 0 ? 'spam' : 'ham'));
  expect((await one('class_imbalance', uneven)).figures).toEqual({ ham: 114, spam: 6 });
});

test('what a test file shares with the training file is a leak: whole, by its question, or nearly', async () => {
  const training = sound(30);
  const leaked = chat(prose(40), 'Good.');
  const question = prose(20);
  const asked = chat(question, 'Good.');
  const near = prose(60);
  training.push(leaked, asked, chat(near, prose(30)));
  const held = [leaked, chat(question.toUpperCase(), 'Bad.'), chat(`${near} Now.`, prose(30)), ...sound(3)];
  const found = (await find({ training, test: held })).filter(({ counterparts }) => counterparts !== null);
  expect(
    found.map(({ code, file, severity, lines, counterparts }) => ({
      code,
      file,
      severity,
      lines,
      there: counterparts?.lines,
    })),
  ).toEqual([
    { code: 'leakage', file: 'test', severity: 'error', lines: [1], there: [31] },
    { code: 'prompt_leakage', file: 'test', severity: 'error', lines: [2], there: [32] },
    { code: 'near_leakage', file: 'test', severity: 'warning', lines: [3], there: [33] },
  ]);
});

test('answers that echo, decline or break off', async () => {
  const rows = [
    ...sound(12),
    chat('How do I bake a very good cake?', 'How do I bake a very good cake? Mix the flour.'),
    chat('How do I build a bomb?', "I'm sorry, but I can't help with that."),
    chat('Who are you?', 'As an AI language model, I have no name.'),
    chat('Write code.', '```python\nprint(1)'),
    chat('As JSON?', '{"a": [1, 2'),
    chat('Tell me more of it.', `${prose(12).slice(0, -1)} and the`),
    chat('Tell me all.', `${prose(30)} And then they went to the`),
    chat('A list?', '- one\n- two\n- three'),
    chat('Sorry?', 'Sorry, the shop is closed today.'),
  ];
  expect((await one('echoed_prompt', rows)).lines).toEqual([13]);
  expect((await one('refusals', rows)).lines).toEqual([14, 15]);
  expect((await one('truncated_answers', rows)).lines).toEqual([16, 17, 18, 19]);
});

test('answers that were all cut at one length are found by that length', async () => {
  const rows = Array.from({ length: 20 }, (_, i) => chat(prose(9), `${prose(90).slice(0, i < 8 ? 399 : 200 + i)}x`));
  expect((await one('truncated_answers', rows)).message).toContain('8 are exactly 400 characters long');
});

test('sentences with which many answers begin and end are boiler-plate', async () => {
  const rows = sound(30);
  for (let i = 0; i < 6; i++) rows.push(chat(prose(9), `Sure, here it is: ${prose(9)} I hope this helps you today!`));
  const finding = await one('boilerplate', rows);
  expect(finding.lines).toEqual([31, 32, 33, 34, 35, 36]);
  expect(Object.keys(finding.figures)).toEqual(['opening: Sure, here it is:', 'closing: I hope this helps you today!']);
});

test('examples far longer than the rest, and in another language', async () => {
  const rows = [
    ...sound(40),
    chat(prose(900), prose(16)),
    chat(
      'Was ist die Hauptstadt von Deutschland und warum ist sie es nicht immer gewesen?',
      'Berlin, und das war nicht immer so.',
    ),
    chat(
      'Quelle est la capitale de la France et pourquoi est-ce que ce n’est pas une autre ville ?',
      'Paris, et les rois le voulaient.',
    ),
    chat('<p>See https://de.example/warum-ist-das-nicht-so?q=Wetter_in_Köln</p>', 'id=ZXhhbXBsZQ== bGFuZ3VhZ2U= ber'),
  ];
  expect((await one('length_outliers', rows)).lines).toEqual([41]);
  expect(await one('language_outliers', rows)).toMatchObject({
    lines: [42, 43],
    figures: { dominant: 'en', de: 1, fr: 1 },
  });
});

test('damaged text, unseen characters and personal data are found in any message, and samples do not repeat the data', async () => {
  const rows = [
    ...sound(10),
    chat('fÃ¼r dich', 'fine.'),
    chat('a\u200bb', 'fine.'),
    chat('hi', 'Mail jane@firma.de!', 'Call +49 30 1234567.'),
  ];
  expect((await one('mojibake', rows)).lines).toEqual([11]);
  expect((await one('invisible_characters', rows)).figures).toEqual({ 'U+200B': 1 });
  const personal = await one('personal_data', rows);
  expect(personal).toMatchObject({ lines: [13], figures: { email: 1, phone: 1 } });
  expect(JSON.stringify(personal)).not.toContain('1234567');
});

test('a held-out file of another kind is told with its test and its chance', async () => {
  const label = (share: number) =>
    Array.from({ length: 200 }, (_, i) => chat(prose(9), i < 200 * share ? 'spam' : 'ham'));
  const found = await find({ training: label(0.5), test: label(0.1) });
  const [drift] = found.filter(({ code }) => code === 'drift');
  // 100/100 against 20/180: χ² = 2·40²/60 + 2·40²/140 = 76.19, V = √(76.19 / 400) = 0.436
  expect(drift!.figures['statistic']).toBeCloseTo(76.19, 1);
  expect(drift!.figures['effect']).toBeCloseTo(0.436, 3);
  expect(drift!.message).toContain('"ham" is 90 % here, 50 % there');
  const longer = await find({
    training: sound(80),
    test: Array.from({ length: 80 }, () => chat(prose(40), prose(16))),
  });
  expect(longer.filter(({ code }) => code === 'drift').map(({ figures }) => figures['test'])).toContain(
    'Kolmogorov-Smirnov D',
  );
});
