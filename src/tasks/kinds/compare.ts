/** `compare`: models, their bases with and without examples, and cheap baselines on one test; see `evals/compare/`. */

import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';
import type { CompareResult } from '../../domain/comparison.ts';
import { usualPrice } from '../../evals/compare/costs.ts';
import { shotChoices } from '../../evals/compare/shots.ts';
import { tasks, type Task } from '../../evals/task.ts';
import { taskKind } from '../task-kind.ts';
import { assertFile, assertModel, ownCopy, undertaken } from '../undertaken.ts';

export const compare = taskKind({
  type: 'compare',
  schema: z.strictObject({
    test_file: z.string().min(1),
    /** Without it, that of the first fine-tune's job. */
    training_file: z.string().min(1).nullish(),
    models: z.array(z.string().min(1)).min(1).max(20),
    /** Examples in prompts of base models, a contender each. */
    shots: z.array(z.int().min(1).max(64)).max(4).nullish(),
    choose: z.enum(shotChoices).nullish(),
    checkpoints: z.boolean().nullish(),
    baselines: z.boolean().nullish(),
    reference: z.string().min(1).nullish(),
    task: z.enum(tasks as [Task, ...Task[]]).nullish(),
    labels: z.array(z.string().min(1)).min(1).nullish(),
    limit: z.int().min(1).nullish(),
    drop_leaks: z.boolean().nullish(),
    max_tokens: z.int().min(1).max(100_000).nullish(),
    /** What this machine draws while it answers. */
    watts: z.number().positive().max(100_000).nullish(),
    kilowatt_hour_price: z.number().nonnegative().max(1000).nullish(),
    seed: z.int().nullish(),
  }),
  lane: 'quick',
  resumes: true,

  async check({ test_file, training_file, models, task, labels, watts, kilowatt_hour_price }, rooms) {
    await assertFile(rooms, test_file, 'test_file');
    if (training_file != null) await assertFile(rooms, training_file, 'training_file');
    for (const [i, model] of models.entries()) await assertModel(rooms, model, `models[${i}]`);
    if (labels != null && task != null && task !== 'classification')
      throw invalid('labels', `Labels are of a classification, not of the task "${task}".`);
    if (kilowatt_hour_price != null && watts == null)
      throw invalid('kilowatt_hour_price', 'A price of energy needs watts, what this machine draws.');
  },

  async run(request, desk): Promise<CompareResult> {
    const { test_file, training_file: training = null } = request;
    const { filename: testName } = await desk.rooms.files.get(test_file);
    const trainName = training === null ? undefined : (await desk.rooms.files.get(training)).filename;
    const asked = {
      test: await ownCopy(desk, test_file, 'test_file'),
      testName,
      train: training === null ? undefined : await ownCopy(desk, training, 'training_file'),
      trainName,
      models: request.models,
      shots: request.shots ?? [8],
      choose: request.choose ?? ('diverse' as const),
      seed: request.seed ?? 1,
      checkpoints: request.checkpoints ?? false,
      baselines: request.baselines ?? true,
      there: usualPrice,
      concurrency: 1,
      reference: request.reference ?? undefined,
      task: request.task ?? undefined,
      labels: request.labels ?? undefined,
      limit: request.limit ?? undefined,
      dropLeaks: request.drop_leaks ?? false,
      maxTokens: request.max_tokens ?? undefined,
      watts: request.watts ?? undefined,
      kilowattHourPrice: request.kilowatt_hour_price ?? undefined,
    };
    return (await undertaken('compare', asked, desk)) as CompareResult;
  },
});
