import { expect, test } from 'vitest';
import type { StepMetrics } from '../../../src/domain/job.ts';
import { adviceOfCurves, type Run } from '../../../src/evals/advice/curves.ts';

/** A run of 20 steps an epoch: the training loss of each step, and the validation loss after each epoch. */
function run(
  train: (part: number) => number,
  valid: readonly number[],
  more: Partial<Run> & { accuracy?: number } = {},
): Run {
  // prettier-ignore
  const { accuracy = 0.99, ...rest } = more;
  const total = 20 * Math.max(1, valid.length);
  const steps = Array.from({ length: total }, (_, i): StepMetrics => {
    const loss = valid[(i + 1) / 20 - 1];
    return {
      step: i + 1,
      total_steps: total,
      train_loss: train(i / (total - 1)),
      train_mean_token_accuracy: accuracy,
      ...(loss !== undefined && { full_valid_loss: loss }),
    };
  });
  return { steps, epochs: Math.max(1, valid.length), rank: 8, learningRate: 2e-4, ...rest };
}

const kinds = (each: Run): string[] => adviceOfCurves(each).map(({ kind }) => kind);
const falling = (part: number): number => 0.3 * Math.exp(-3 * part);

test('a validation loss that rises again asks for fewer epochs, and names the checkpoint that was best', () => {
  const checkpoints = new Map([[40, 'ft:tiny:personal::AbCdEfGh:ckpt-step-40']]);
  const rises = run(falling, [0.3, 0.25, 0.28, 0.35]);
  const [advice] = adviceOfCurves({ ...rises, checkpoints });
  expect(advice!.kind).toBe('fewer_epochs');
  expect(advice!.text).toContain('Train 2 epochs in place of 4, or use the checkpoint at step 40');
  // 0.35 is 1.4 times 0.25.
  expect(advice!.evidence[0]).toBe('Validation loss after each epoch: 0.300, 0.250, 0.280, 0.350; the end is 40.0 % above the lowest.'); // prettier-ignore
  expect(advice!.evidence[1]).toMatch(/^The training loss went from 0\.\d+ to 0\.\d+ meanwhile\.$/);
  expect(advice!.evidence[2]).toBe('The checkpoint of then is ft:tiny:personal::AbCdEfGh:ckpt-step-40.');
  expect(adviceOfCurves(rises)[0]!.text).toMatch(/^Train 2 epochs in place of 4: /);
});

test('a rise of less than 2 % is noise', () => {
  expect(kinds(run(falling, [0.2, 0.15, 0.152]))).not.toContain('fewer_epochs');
});

test('a validation loss that still falls asks for more epochs', () => {
  const [advice] = adviceOfCurves(run(falling, [0.3, 0.2, 0.15]));
  expect(advice).toMatchObject({ kind: 'more_epochs', text: expect.stringContaining('such as 6 epochs') as string });
  expect(advice!.evidence[0]).toContain('the last one took 25.0 % off');
});

test('a loss that rises, or is no number, asks for a lower learning rate', () => {
  const [rises] = adviceOfCurves(run((part) => 1 + part, [2, 2]));
  expect(rises).toMatchObject({ kind: 'lower_learning_rate' });
  expect(rises!.text).toContain('to 0.00007 or less');
  const [broken] = adviceOfCurves(run((part) => (part > 0.6 ? Number.NaN : 1), []));
  expect(broken!.evidence.join(' ')).toContain('At step 13 it was no number.');
});

test('little learnt, and evenly, asks for a higher learning rate', () => {
  expect(kinds(run((part) => 2 - 0.1 * part, [1.95, 1.93]))).toContain('higher_learning_rate');
});

test('a run that stands still far from its examples, no worse on new ones, asks for a higher rank; an adapter that learnt them does not', () => {
  const still = (part: number): number => (part < 0.3 ? 2 - 3 * part : 1.1);
  const stuck = run(still, [1.2, 1.12, 1.11], { accuracy: 0.7 });
  const advice = adviceOfCurves(stuck).find(({ kind }) => kind === 'higher_rank')!;
  expect(advice.text).toContain('rank 32 in place of 8');
  expect(advice.evidence.join(' ')).toContain('30.0 % of the training tokens were still wrong');
  expect(kinds(run(still, [1.2, 1.12, 1.11], { accuracy: 0.99 }))).not.toContain('higher_rank');
  expect(kinds({ ...stuck, rank: null })).not.toContain('higher_rank');
});

test('a gap to new data even at the best asks for more data', () => {
  const advice = adviceOfCurves(run(falling, [0.9, 0.85, 0.9])).find(({ kind }) => kind === 'more_data')!;
  expect(advice.evidence[0]).toMatch(/^After epoch 2, the best one, the validation loss was 0\.850/);
});

test('a run that went well, and one too short for a curve, are given no advice', () => {
  expect(kinds(run((part) => 0.5 * Math.exp(-2 * part), [0.26, 0.135, 0.13]))).toEqual([]);
  const short = run(falling, [0.1, 0.5]);
  expect(kinds({ ...short, steps: short.steps.slice(0, 9) })).toEqual([]);
});
