/** `file_check`: everything there is to say of a training file, at once; the figures as its result, all of it as its file. */

import { join } from 'node:path';
import { z } from 'zod';
import type { Checkup } from '../../dataset/checkup/checkup.ts';
import { runCheckup } from '../../dataset/checkup/run.ts';
import { invalid } from '../../domain/errors.ts';
import { checkFileName, type FileCheck, type FileCheckOutcome, type TrainingHere } from '../../domain/file-check.ts';
import { isEncoder } from '../../families/table.ts';
import { writeAtomically } from '../../formats/atomic-write.ts';
import { calibrate, readCalibration, type Calibration, type CalibrationSetting } from '../../jobs/calibration.ts';
import { settingFor, trainingHere, whyNoTime } from '../../jobs/training-time.ts';
import type { BaseModel } from '../../models/base-models.ts';
import { taskKind, type TaskRooms } from '../task-kind.ts';

export const fileCheck = taskKind({
  type: 'file_check',
  schema: z.strictObject({
    file: z.string().min(1),
    /** What it is for: a validation file may be small. */
    role: z.enum(['training', 'validation']).nullish(),
    /** A file that should have nothing in common with it: what is held out, or, of a validation file, what is trained on. */
    against: z.string().min(1).nullish(),
    /** The model to train, whose tokens, limit and time count; without it the newest base model of this machine. */
    model: z.string().min(1).nullish(),
    /** Instead of the number that a job would take by itself. */
    epochs: z.int().min(1).max(50).nullish(),
    /** Whether a few steps are trained to see how fast this machine is, where that was never measured. */
    measure: z.boolean().nullish(),
  }),
  lane: 'quick',
  /** From the beginning: nothing is lost by it. */
  resumes: true,

  async check({ file, against, model }, rooms) {
    await rooms.files.get(file);
    if (against === file) throw invalid('against', 'A file has everything in common with itself; name another one.');
    if (against != null && (await rooms.files.find(against)) === null)
      throw invalid('against', `No such File object: ${against}`, 'file_not_found');
    await baseOf(rooms, model ?? null);
  },

  async run(
    { file: id, role, against, model, epochs, measure },
    { rooms, signal, progress, offered },
  ): Promise<FileCheckOutcome> {
    const { files } = rooms;
    const { filename } = await files.get(id);
    const base = await baseOf(rooms, model ?? null);
    const { check, ...checked } = await runCheckup(
      {
        path: files.path(id),
        role: role ?? 'training',
        against: against == null ? null : files.path(against),
        base: base && { id: base.id, path: base.path, contextTokens: base.contextTokens, talks: !isEncoder(base) },
        epochs: epochs ?? null,
      },
      { signal, onProgress: (done, total, message) => progress({ done, total, unit: 'bytes', message }) },
    );
    const sha256 = await files.sha256(id);
    const measured = async (setting: CalibrationSetting): Promise<Calibration | null> => {
      const known = await readCalibration(rooms.home, setting);
      if (known !== null || measure !== true) return known;
      const told = { unit: 'steps', message: 'Measuring how fast this machine trains' };
      progress({ done: 0, total: null, ...told });
      return await calibrate(rooms.home, setting, {
        signal,
        onStep: (done, total) => progress({ done, total, ...told }),
      });
    };
    const here = base === null ? null : await timeHere(rooms.threads, base, { ...checked, check }, measured);
    const whole: FileCheck = { file: id, filename, sha256, ...check, here };
    await writeAtomically(join(offered, checkFileName), [Buffer.from(JSON.stringify(whole))]);
    const { format, examples, faulty_examples, errors, warnings, findings } = check;
    return { file: id, filename, format, examples, faulty_examples, errors, warnings, findings: findings.length };
  },
});

async function baseOf({ models, bases }: TaskRooms, name: string | null): Promise<BaseModel | null> {
  if (name === null) return bases.list().sort((a, b) => b.createdAt - a.createdAt)[0] ?? null;
  const found = await models.resolve(name);
  if (found === null) throw invalid('model', `The model '${name}' does not exist.`, 'model_not_found');
  return found.base;
}

async function timeHere(
  threads: number,
  base: BaseModel,
  { check, epochs, lengths }: Checkup,
  measured: (setting: CalibrationSetting) => Promise<Calibration | null>,
): Promise<TrainingHere | null> {
  if (lengths === null) return null;
  const file = { format: check.format, examples: check.statistics?.examples ?? 0, lengths };
  const setting = settingFor(file, base, threads);
  const reason = whyNoTime(file, base);
  const calibration = reason === null ? await measured(setting) : null;
  const { time, tokensPerEpoch, trainedTokens, batchSize } = trainingHere(file, setting, { epochs, calibration });
  return {
    base: base.id,
    tokens_per_epoch: tokensPerEpoch,
    trained_tokens: trainedTokens,
    batch_size: batchSize,
    seconds: time?.seconds ?? null,
    tokens_per_second: time?.tokensPerSecond ?? null,
    reason: reason ?? (time === null ? `How fast this machine trains ${base.id} was never measured.` : null),
  };
}
