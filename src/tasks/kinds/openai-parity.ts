/** `openai_parity`: a model of this server held against recorded answers; see `leaving/parity.ts`. */

import { join } from 'node:path';
import { z } from 'zod';
import { invalid, TunesmithError } from '../../domain/errors.ts';
import type { ParityResult } from '../../domain/openai-capture.ts';
import type { Answered } from '../../evals/ask.ts';
import { askUnknown } from '../../evals/remembered.ts';
import { chosenTask, tasks, type Task } from '../../evals/task.ts';
import { roomIn } from '../../leaving/held-against.ts';
import { compareInThread } from '../../leaving/parity-thread.ts';
import { readRecording } from '../../leaving/recording.ts';
import { taskKind } from '../task-kind.ts';

export const parityReport = 'parity.html';

export const openaiParity = taskKind({
  type: 'openai_parity',
  schema: z.strictObject({
    capture: z.string().nullish(),
    /** May be left out where the capture has one. */
    recording: z.string().nullish(),
    model: z.string().min(1),
    task: z.enum(tasks as [Task, ...Task[]]).nullish(),
    labels: z.array(z.string()).min(1).nullish(),
    concurrency: z.int().min(1).max(16).nullish(),
    /** By default as recorded. */
    max_tokens: z.int().min(1).max(100_000).nullish(),
    /** What this machine draws while it answers. */
    watts: z.number().positive().max(100_000).nullish(),
    kwh_price: z.number().nonnegative().max(1000).nullish(),
  }),
  lane: 'quick',
  resumes: true,

  async check({ capture, recording, model, task, labels, watts, kwh_price }, { captures, models }) {
    await captures.recording(captures.nameOf(capture), recording ?? null);
    if ((await models.resolve(model)) === null)
      throw invalid('model', `The model '${model}' does not exist.`, 'model_not_found');
    if (labels != null && task != null && task !== 'classification')
      throw invalid('labels', `Labels are of a classification, not of the task "${task}".`);
    if (kwh_price != null && watts == null)
      throw invalid('kwh_price', 'A price of energy needs watts, what this machine draws.');
  },

  async run(request, { rooms, openai, signal, progress, folder, offered }): Promise<ParityResult> {
    const { captures } = rooms;
    const { model, max_tokens, concurrency, watts, kwh_price } = request;
    const at = await captures.recording(captures.nameOf(request.capture), request.recording ?? null);
    const recording = await readRecording(at);
    const { items } = recording;
    const chosen = chosenTask({ task: request.task ?? undefined, labels: request.labels ?? undefined }, items);
    const { created } = await openai.models.retrieve(model, { signal });
    const room = max_tokens ?? roomIn(recording);
    let known = 0;
    const local: Answered[] = [];
    const tell = (): void =>
      progress({ done: local.length, total: items.length, unit: 'questions', message: `Asking ${model}` });
    const remembering = {
      folder: join(folder, 'answers'),
      server: `this server ${created}`,
      onKnown: (count: number) => (known = count),
    };
    tell();
    for await (const answered of askUnknown(openai, model, items, remembering, {
      concurrency: concurrency ?? 1,
      labels: chosen.labels,
      signal,
      ...(room !== undefined && { answerTokensMax: room }),
    })) {
      local.push(answered);
      tell();
    }
    if (local.every(({ answer }) => answer === null))
      throw new TunesmithError('internal', `Not one question was answered: ${local[0]?.error ?? 'no reason given'}`, {
        code: 'nothing_answered',
      });
    progress({ message: known > 0 ? `Comparing; ${known} answers were known already` : 'Comparing' });
    const held = {
      chosen,
      model,
      local,
      watts: watts ?? undefined,
      kilowattHourPrice: kwh_price ?? undefined,
    };
    return await compareInThread({ recording: at, held, report: join(offered, parityReport) }, signal);
  },
});
