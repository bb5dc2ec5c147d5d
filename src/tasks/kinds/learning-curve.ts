/** `learning_curve`: whether more data would help, from trainings on parts of it; see `sweep/learning-curve.ts`. */

import { z } from 'zod';
import type { LearningCurveResult } from '../../domain/sweep.ts';
import { tasks, type Task } from '../../evals/task.ts';
import { taskKind } from '../task-kind.ts';
import { assertFile, assertModel, ownCopy, undertaken } from '../undertaken.ts';
import { hyperparameterName } from './sweep.ts';

const growing = (shares: readonly number[]): boolean =>
  shares.every((share, i) => share > (shares[i - 1] ?? 0)) && shares.at(-1) === 1;

export const learningCurve = taskKind({
  type: 'learning_curve',
  schema: z.strictObject({
    training_file: z.string().min(1),
    validation_file: z.string().min(1).nullish(),
    model: z.string().min(1),
    hyperparameters: z.record(hyperparameterName, z.union([z.string().min(1), z.number(), z.boolean()])).nullish(),
    /** Of the training set, growing to all of it. */
    shares: z
      .array(z.number().positive().max(1))
      .min(2)
      .max(10)
      .refine(growing, { message: 'Shares grow and end with 1, such as [0.1, 0.25, 0.5, 1].' })
      .nullish(),
    /** Trainings per share, each with a cut and a seed of its own. */
    repeats: z.int().min(1).max(20).nullish(),
    metric: z.string().min(1).nullish(),
    task: z.enum(tasks as [Task, ...Task[]]).nullish(),
    seed: z.int().min(0).nullish(),
  }),
  lane: 'quick',
  resumes: true,

  async check({ training_file, validation_file, model }, rooms) {
    await assertFile(rooms, training_file, 'training_file');
    if (validation_file != null) await assertFile(rooms, validation_file, 'validation_file');
    await assertModel(rooms, model, 'model');
  },

  async run(request, desk): Promise<LearningCurveResult> {
    const { training_file, validation_file, model } = request;
    const asked = {
      training: await ownCopy(desk, training_file, 'training_file'),
      validation: validation_file == null ? null : await ownCopy(desk, validation_file, 'validation_file'),
      values: { ...request.hyperparameters, model },
      shares: request.shares ?? [0.1, 0.25, 0.5, 1],
      repeats: request.repeats ?? 1,
      metric: request.metric ?? undefined,
      task: request.task ?? undefined,
      seed: request.seed ?? 42,
    };
    return (await undertaken('learning_curve', asked, desk)) as LearningCurveResult;
  },
});
