import { expect, test } from 'vitest';
import type { Job } from '../../src/domain/job.ts';
import { baseName, modelName } from '../../src/jobs/names.ts';
import { resultsCsv } from '../../src/jobs/results.ts';
import { epochEnds } from '../../src/jobs/success.ts';

test('the result file has one row per step, five decimals, and empty cells where nothing was validated', () => {
  const steps = [
    { step: 1, total_steps: 2, train_loss: 1.2345678, train_mean_token_accuracy: 0 },
    {
      step: 2,
      total_steps: 2,
      train_loss: 1,
      train_mean_token_accuracy: 2 / 3,
      valid_loss: 0.1,
      valid_mean_token_accuracy: 1,
    },
  ];
  expect(resultsCsv(steps)).toBe(
    [
      'step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy',
      '1,1.23457,0,,',
      '2,1,0.66667,0.1,1',
      '',
    ].join('\n'),
  );
});

test('the last three epochs end in checkpoints, fewer where there were fewer', () => {
  expect(epochEnds(303, 101)).toEqual([101, 202, 303]);
  expect(epochEnds(50, 10)).toEqual([30, 40, 50]);
  expect(epochEnds(12, 12)).toEqual([12]);
});

test('names have five segments, six for a checkpoint, and the same job and step always the same letters', () => {
  const job = { id: 'ftjob-1', model: 'tiny', user_provided_suffix: null } as Job;
  const at = (step: number, final: boolean) => modelName({ job, organization: 'acme', step, final });
  expect(at(9, true)).toMatch(/^ft:tiny:acme::[A-Za-z0-9]{8}$/);
  expect(at(6, false)).toMatch(/^ft:tiny:acme::[A-Za-z0-9]{8}:ckpt-step-6$/);
  expect(at(6, false)).toBe(at(6, false));
  expect(at(6, false).split(':')[4]).not.toBe(at(9, true).split(':')[4]);
  expect(baseName(at(6, false))).toBe('tiny');
  expect(baseName('tiny')).toBe('tiny');
});
