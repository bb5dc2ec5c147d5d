/** `sweep`: which hyper-parameters suit a data set, by trainings in this server's queue; see `sweep/sweep.ts`. */

import { z } from 'zod';
import { invalid, TunesmithError } from '../../domain/errors.ts';
import type { SweepDimension, SweepResult } from '../../domain/sweep.ts';
import { tasks, type Task } from '../../evals/task.ts';
import { examplesMin } from '../../sweep/parts.ts';
import { type Dimension, gridOf, isRange, trialsMax } from '../../sweep/space.ts';
import { taskKind } from '../task-kind.ts';
import { assertFile, assertModel, ownCopy, undertaken } from '../undertaken.ts';

const value = z.union([z.string().min(1), z.number(), z.boolean()]);
const values = z.array(value).min(1).max(trialsMax);
const range = z
  .strictObject({ low: z.number(), high: z.number() })
  .refine(({ low, high }) => low < high, { message: 'A range goes from a number to a greater one.' });

export const hyperparameterName = z.string().regex(/^\w+$/).max(64);

export const sweep = taskKind({
  type: 'sweep',
  schema: z.strictObject({
    training_file: z.string().min(1),
    validation_file: z.string().min(1).nullish(),
    test_file: z.string().min(1).nullish(),
    models: z.array(z.string().min(1)).min(1).max(20),
    /** Names as a job's request has them; values to try, or a range to draw from. */
    hyperparameters: z.record(hyperparameterName, z.union([values, range])),
    /** How many to draw; without it, every combination is tried. */
    trials: z.int().min(1).max(trialsMax).nullish(),
    /** One trial in so many goes on, to so much more data; 1 stops none. */
    halving: z.int().min(1).max(100).nullish(),
    /** No trial sees fewer examples. */
    smallest: z.int().min(examplesMin).nullish(),
    finalists: z.int().min(1).nullish(),
    metric: z.string().min(1).nullish(),
    task: z.enum(tasks as [Task, ...Task[]]).nullish(),
    seed: z.int().min(0).nullish(),
    keep_models: z.boolean().nullish(),
  }),
  lane: 'quick',
  resumes: true,

  async check({ training_file, validation_file, test_file, models, hyperparameters, trials }, rooms) {
    await assertFile(rooms, training_file, 'training_file');
    if (validation_file != null) await assertFile(rooms, validation_file, 'validation_file');
    if (test_file != null) await assertFile(rooms, test_file, 'test_file');
    for (const [i, model] of models.entries()) await assertModel(rooms, model, `models[${i}]`);
    const dimensions = dimensionsOf(models, hyperparameters);
    if (dimensions.every(({ values }) => !isRange(values) && values.length === 1))
      throw invalid(
        'hyperparameters',
        'There is nothing to choose between: give some hyper-parameter several values, or a range.',
      );
    if (trials == null) grid(dimensions);
  },

  async run(request, desk): Promise<SweepResult> {
    const { training_file, validation_file, test_file, models, hyperparameters } = request;
    const copy = (id: string | null | undefined, name: string): Promise<string | null> =>
      id == null ? Promise.resolve(null) : ownCopy(desk, id, name);
    const plan = {
      training: await ownCopy(desk, training_file, 'training_file'),
      validation: await copy(validation_file, 'validation_file'),
      test: await copy(test_file, 'test_file'),
      dimensions: dimensionsOf(models, hyperparameters),
      draws: request.trials ?? null,
      factor: request.halving ?? 3,
      smallest: request.smallest ?? 50,
      finalists: request.finalists ?? 2,
      metric: request.metric ?? undefined,
      task: request.task ?? undefined,
      seed: request.seed ?? 42,
    };
    return (await undertaken('sweep', { plan, keepModels: request.keep_models ?? false }, desk)) as SweepResult;
  },
});

const dimensionsOf = (
  models: readonly string[],
  hyperparameters: Readonly<Record<string, SweepDimension>>,
): Dimension[] => [
  { name: 'model', values: models },
  ...Object.entries(hyperparameters).map(([name, values]) => ({ name, values })),
];

/** The command line's words for the field. */
function grid(dimensions: readonly Dimension[]): void {
  try {
    gridOf(dimensions);
  } catch (error) {
    if (!(error instanceof TunesmithError)) throw error;
    throw invalid('trials', error.message.replaceAll('--trials ', 'trials: '));
  }
}
