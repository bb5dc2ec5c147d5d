import { expect, test } from 'vitest';
import type { Message } from '../../src/domain/example.ts';
import { recogniseTask, taskAsSet } from '../../src/evals/task.ts';

const said = (content: string): Message => ({ role: 'assistant', content });
const called = (name: string): Message => ({
  role: 'assistant',
  content: null,
  tool_calls: [{ id: 'call_1', type: 'function', function: { name, arguments: '{}' } }],
});
const taskOf = (references: Message[]): string => recogniseTask(references).task;

test('references from a small closed set are a classification, the frequent label first', () => {
  const { task, labels } = recogniseTask(['ham', 'spam', 'ham', ' spam ', 'ham'].map(said));
  expect(task).toBe('classification');
  expect(labels).toEqual(['ham', 'spam']);
});

test('JSON objects and lists are an extraction, even when they repeat; numbers are not', () => {
  expect(taskOf(['{"a":1}', '{"a":1}', '[]', '[]'].map(said))).toBe('extraction');
  expect(taskOf(['1', '2', '1', '2'].map(said))).toBe('classification');
});

test('a fifth of the references that call tools make it tool calls; fewer do not', () => {
  const silent = ['No.', 'Sure, here you go.', 'It rains.', 'I do not know.'].map(said);
  expect(taskOf([called('weather'), ...silent])).toBe('tool_calls');
  expect(taskOf([called('weather'), ...silent, said('one more')])).toBe('text');
});

test('texts that hardly come back, or are long, are free texts', () => {
  expect(taskOf(['Paris', 'Rome', 'Oslo'].map(said))).toBe('text');
  const long = 'It was a long day, and nobody could say where the ferry had gone to. '.repeat(2);
  expect(taskOf([long, long, long, long].map(said))).toBe('text');
});

test('an extraction that was asked for is refused where a reference is no JSON, with its line', () => {
  const items = [
    { line: 1, input: [], reference: said('{}') },
    { line: 4, input: [], reference: said('none') },
  ];
  expect(() => taskAsSet('extraction', items)).toThrow('Line 4: the reference is not JSON');
});
