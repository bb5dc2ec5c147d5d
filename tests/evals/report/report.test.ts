import { expect, test } from 'vitest';
import type { Message } from '../../../src/domain/example.ts';
import type { Answered } from '../../../src/evals/ask.ts';
import { evaluate, type Evaluation } from '../../../src/evals/evaluate.ts';
import { worstMistakes } from '../../../src/evals/mistakes.ts';
import type { LossPoint } from '../../../src/evals/report/charts.ts';
import { reportHtml } from '../../../src/evals/report/report.ts';

const said = (content: string): Message => ({ role: 'assistant', content });

const answered = (reference: string, answer: string | null, more: Partial<Answered> = {}): Answered => ({
  line: 1,
  input: [{ role: 'user', content: '?' }],
  reference: said(reference),
  answer: answer === null ? null : said(answer),
  probabilities: null,
  error: answer === null ? 'timed out' : null,
  latencyMs: 10,
  promptTokens: 5,
  cachedTokens: 0,
  completionTokens: 1,
  ...more,
});

function pageOf(evaluation: Evaluation, items: readonly Answered[], losses: readonly LossPoint[] = []): string {
  return reportHtml({
    model: 'm',
    test: 'test.jsonl',
    server: 'this machine',
    createdAt: new Date('2026-01-02T03:04:05Z'),
    reason: 'as asked for',
    evaluation,
    mistakes: worstMistakes(evaluation, items, 5),
    losses,
  }).replaceAll(/\s+/g, ' ');
}

const mails = Array.from({ length: 60 }, (_, i) => {
  const label = i % 6 === 0 ? 'spam' : 'ham';
  const sure = label === 'spam' ? { spam: 0.7, ham: 0.3 } : { spam: 0.1, ham: 0.9 };
  return answered(label, i % 12 === 0 ? 'ham' : label, { line: i + 1, probabilities: sure });
});

test('a classification is drawn: right and wrong cells apart, a reliability curve with what each point weighs', () => {
  const page = pageOf(evaluate('classification', mails), mails);
  expect(page).toContain('60 questions of <b>test.jsonl</b>, asked at this machine, 2026-01-02 03:04 UTC');
  // Of 10 spam 5 were called ham: half of 0.65.
  expect(page).toMatch(/rgb\(var\(--amiss\) \/ 0\.325\)"> ?5 ?<\/td>/);
  expect(page).toMatch(/rgb\(var\(--heat\) \/ 0\.650\)"> ?50 ?<\/td>/);
  expect(page).toContain('<title>50 of 60 answers</title>');
  expect(page).toContain('<title>50 answers, held 90.0 % probable, right 100.0 %</title>');
  // 60 questions are enough, the ten of spam are not.
  expect(page).not.toContain('Only 60 questions');
  expect(page).toContain('1 of these stand in fewer than 50 references');
});

test('tables have the columns that something is in', () => {
  const json = [answered('{"a":1,"b":2}', '{"a":1,"b":3}'), answered('{"a":1}', null)];
  const fields = pageOf(evaluate('extraction', json), json);
  expect(fields).toContain('Field by field');
  expect(fields).toContain('Accuracy');
  expect(fields).not.toMatch(/number">Answered|Recall|ROC AUC|Confusion|Reliability|Loss/);
  expect(fields).toContain('nothing: timed out');
  expect(fields).toContain('Only 2 questions');

  const entities = [answered('{"PER":["Ada Lovelace"]}', '{"PER":["Ada"]}')];
  const found = pageOf(evaluate('extraction', entities), entities);
  expect(found).toContain('Label by label');
  expect(found).toContain('F1, partial');

  const texts = [answered('a b', 'a b')];
  const page = pageOf(evaluate('text', texts), texts);
  expect(page).not.toContain('>True<');
  expect(page).toContain('<h2>Worst mistakes</h2> <p>None.</p>');
});

test('losses are drawn on an axis of round numbers, one lone point too', () => {
  const texts = [answered('a', 'a')];
  const evaluation = evaluate('text', texts);
  const losses = [
    { step: 1, train: 6.9, valid: null },
    { step: 5, train: 2, valid: 2.4 },
  ];
  const page = pageOf(evaluation, texts, losses);
  for (const mark of ['0', '2', '4', '6', '8', '1', '5']) expect(page).toMatch(new RegExp(`>${mark}</text`));
  expect(page).toMatch(/<circle class="second"/);
  const lone = pageOf(evaluation, texts, [{ step: 3, train: 0, valid: null }]);
  expect(lone).not.toContain('NaN');
  expect(lone).toMatch(/>3<\/text/);
});
