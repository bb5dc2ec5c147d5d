import { expect, test } from 'vitest';
import type { Message } from '../../src/domain/example.ts';
import type { Answered } from '../../src/evals/ask.ts';
import { evaluate, mainStatistic } from '../../src/evals/evaluate.ts';
import type { Task } from '../../src/evals/task.ts';

const said = (content: string): Message => ({ role: 'assistant', content });

const answered = (reference: Message, answer: Message | null, more: Partial<Answered> = {}): Answered => ({
  line: 1,
  input: [{ role: 'user', content: '?' }],
  reference,
  answer,
  probabilities: null,
  error: answer === null ? 'timed out' : null,
  latencyMs: 10,
  promptTokens: 5,
  cachedTokens: 0,
  completionTokens: 1,
  ...more,
});

const valueOf = (task: Task, items: Answered[], name: string): number | undefined =>
  evaluate(task, items).figures.find((figure) => figure.name === name)?.estimate.value;

test('a classification has a confusion matrix, areas, calibration; a failed question is a wrong one', () => {
  const items = [
    answered(said('ham'), said('Ham.'), { probabilities: { ham: 0.9, spam: 0.1 }, latencyMs: 30 }),
    answered(said('spam'), said('ham'), { probabilities: { ham: 0.8, spam: 0.2 } }),
    answered(said('spam'), said('spam'), { probabilities: { ham: 0.3, spam: 0.7 } }),
    answered(said('ham'), null),
    answered(said('ham'), said('hmm')),
  ];
  const evaluation = evaluate('classification', items);
  expect(valueOf('classification', items, 'accuracy')).toBe(0.4);
  expect(evaluation).toMatchObject({ count: 5, failed: 1, unparsed: 2, costs: { latencyMs: { p50: 10 } } });
  expect(evaluation.confusion).toEqual({
    labels: ['ham', 'spam'],
    rows: [
      [1, 0, 2],
      [1, 1, 0],
    ],
  });
  expect(evaluation.verdicts.map(({ right }) => right)).toEqual([true, false, true, false, false]);
  expect(evaluation.verdicts[1]).toMatchObject({ score: 0.2, confidence: 0.8 });
  // Each label has an area, and without a beta there is no F-beta.
  for (const part of evaluation.parts) {
    expect(part.rocAuc).not.toBeNull();
    expect(part.prAuc).not.toBeNull();
    expect(part.fBeta).toBeNull();
  }
  expect(evaluation.calibration).not.toBeNull();
  expect(JSON.parse(JSON.stringify(evaluation))).toMatchObject({ task: 'classification' });
});

test('records of single values are compared field by field; where a label can have several they are entities', () => {
  const records = [
    answered(said('{"name":"Ada","age":36}'), said('{"name":"Ada","age":37}')),
    answered(said('{"name":"Alan","age":null}'), said('{"name":"Alan","age":null}')),
  ];
  const { figures, parts } = evaluate('extraction', records);
  expect(figures[0]).toMatchObject({ name: 'field_f1', estimate: { value: 0.75 } });
  expect(parts).toMatchObject([
    { name: 'name', accuracy: { value: 1 } },
    { name: 'age', accuracy: { value: 0.5 } },
  ]);
  const listed = [answered(said('{"PER":["Ada"],"LOC":"Paris"}'), said('{"PER":"Ada"}'))];
  expect(evaluate('extraction', listed).figures[0]).toMatchObject({ name: 'entity_f1' });
});

test('an answer without a label is not sure of one, whatever its tokens say of labels', () => {
  const probabilities = { ham: 1, spam: 0 };
  const items = [
    answered(said('spam'), said('Hm, that is hard.'), { probabilities }),
    answered(said('spam'), said('ham'), { probabilities }),
  ];
  const { verdicts } = evaluate('classification', items, { labels: ['ham', 'spam'] });
  expect(verdicts).toMatchObject([{ confidence: null }, { confidence: 1 }]);
});

test('F-beta is there when a beta is, of labels and of entities', () => {
  const labels = [answered(said('x'), said('x')), answered(said('y'), said('x')), answered(said('y'), said('y'))];
  const scored = evaluate('classification', labels, { beta: 2 });
  expect(scored.figures.find(({ name }) => name === 'f_beta_macro')?.title).toBe('F2, macro');
  // Of x: precision 1/2, recall 1: 5 · ½ / (4 · ½ + 1)
  expect(scored.parts[0]!.fBeta!.value).toBeCloseTo(5 / 6, 12);
  const entities = [answered(said('{"PER":["Ada Lovelace"]}'), said('{"PER":["Ada"]}'))];
  const found = evaluate('extraction', entities, { beta: 0.5 });
  expect(found.figures.find(({ name }) => name === 'entity_f_beta')?.title).toBe('Entity F0.5, strict');
  expect(found.parts[0]).toMatchObject({ f1: { value: 0 }, f1Partial: { value: 0.5 } });
});

test('entities, fields, texts and calls each get their figures, the main one first', () => {
  const entity = '{"PER":["Ada"],"LOC":["London"]}';
  const extraction = [answered(said(entity), said('{"PER":["Ada"]}')), answered(said(entity), said('none'))];
  expect(evaluate('extraction', extraction).figures[0]).toMatchObject({ name: 'entity_f1' });
  expect(valueOf('extraction', extraction, 'json_valid')).toBe(0.5);
  // Of 4 entities 1 was found and 1 answered.
  expect(valueOf('extraction', extraction, 'entity_recall')).toBe(0.25);

  const nested = [answered(said('{"a":{"b":1},"c":2}'), said('{"a":{"b":1},"c":3}'))];
  expect(evaluate('extraction', nested).figures[0]).toMatchObject({ name: 'field_f1', estimate: { value: 0.5 } });

  expect(valueOf('text', [answered(said('the cat sat'), said('cat sat'))], 'squad_em')).toBe(1);

  const call = (city: string): Message => ({
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'c', type: 'function', function: { name: 'weather', arguments: `{"city":"${city}"}` } }],
  });
  const calls = [
    answered(call('Oslo'), call('Oslo')),
    answered(call('Oslo'), call('Rome')),
    answered(call('Oslo'), null),
  ];
  expect(valueOf('tool_calls', calls, 'calls_exact')).toBeCloseTo(1 / 3);
  expect(evaluate('tool_calls', calls).parts).toMatchObject([{ name: 'weather', support: 3, answered: 2 }]);
});

test('the main statistic of all cases is the main figure', () => {
  const texts = [answered(said('a b c'), said('a b')), answered(said('d'), said('d')), answered(said('e f'), null)];
  const labels = [answered(said('x'), said('x')), answered(said('y'), said('x')), answered(said('y'), said('y'))];
  const json = [answered(said('{"a":{"b":1}}'), said('{"a":{"b":2}}')), answered(said('{"a":1}'), said('{"a":1}'))];
  for (const [task, items] of [
    ['text', texts],
    ['classification', labels],
    ['extraction', json],
  ] as const)
    expect(mainStatistic(task, items)(items.map(() => 1))).toBeCloseTo(
      evaluate(task, items).figures[0]!.estimate.value,
      12,
    );
});

test('nothing asked is our own mistake', () => {
  expect(() => evaluate('text', [])).toThrow('nothing to evaluate');
});
