import { expect, test } from 'vitest';
import { expectConforms, nonconformities } from './conformance.ts';

const deleted = { id: 'chatcmpl-1', object: 'chat.completion.deleted', deleted: true };

test('a body that OpenAI describes conforms', () => {
  expectConforms('ChatCompletionDeleted', deleted);
});

test('a missing field, a wrong type and a wrong constant are each named with their place', () => {
  const { id: _, ...withoutId } = deleted;
  expect(nonconformities('ChatCompletionDeleted', withoutId)).toEqual([expect.stringContaining("'id'")]);
  expect(nonconformities('ChatCompletionDeleted', { ...deleted, deleted: 'yes' })).toEqual([
    expect.stringMatching(/^\/deleted: must be boolean/),
  ]);
  expect(nonconformities('ChatCompletionDeleted', { ...deleted, object: 'file' })).toEqual([
    expect.stringMatching(/^\/object: must be equal to one of the allowed values/),
  ]);
});

test('null is what the document calls nullable, and no more', () => {
  const job = { type: 'wandb', wandb: { project: 'p', name: null } };
  expect(nonconformities('FineTuningIntegration', job)).toEqual([]);
  expect(nonconformities('FineTuningIntegration', { ...job, wandb: { project: null } })).not.toEqual([]);
});

test('a schema that is not there is a mistake of the test', () => {
  expect(() => nonconformities('Chatter', {})).toThrow('no schema Chatter');
});
