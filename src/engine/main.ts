/**
 * The trainer: `main.ts <jobFolder>` follows the `plan.json` there and speaks `protocol.ts` on its pipes.
 *
 * Whatever goes wrong becomes exactly one `failed` event. The recipe is imported late, so that this holds even
 * where the native libraries under it cannot be loaded. Exit codes: 0 after done, paused or cancelled, 1 after
 * failed, 2 when the parent died, 143 when SIGTERM stopped it.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TunesmithError } from '../domain/errors.ts';
import { failureOf } from './failure.ts';
import { Parent } from './parent.ts';
import { protocolVersion, type TrainingPlan } from './protocol.ts';

const exitCodes = { ended: 0, failed: 1, orphaned: 2, stopped: 143 } as const;

const parent = new Parent(() => process.exit(exitCodes.orphaned));
process.on('uncaughtException', (error) => void fail(error));
process.on('unhandledRejection', (reason) => void fail(reason));
try {
  process.exitCode = await train(process.argv[2]);
  process.exit();
} catch (error) {
  await fail(error);
}

async function train(jobFolder: string | undefined): Promise<number> {
  if (jobFolder === undefined) throw badPlan('Expected the job folder as the only argument, found nothing.');
  const plan = await readPlan(jobFolder);
  const { trainSupervised } = await import('./recipes/supervised.ts');
  try {
    const ending = await trainSupervised(plan, jobFolder, parent);
    if (ending === null) return exitCodes.stopped;
    await parent.tellLast(ending);
  } catch (error) {
    if (!parent.cancelled.aborted) throw error;
    await parent.tellLast({ type: 'cancelled', step: parent.step });
  }
  return exitCodes.ended;
}

async function readPlan(jobFolder: string): Promise<TrainingPlan> {
  const path = join(jobFolder, 'plan.json');
  let plan: Partial<TrainingPlan>;
  try {
    plan = JSON.parse(await readFile(path, 'utf8')) as Partial<TrainingPlan>;
  } catch (error) {
    throw badPlan(`${path} could not be read: ${(error as Error).message}`);
  }
  if (plan.version !== protocolVersion || plan.recipe !== 'supervised') {
    const found = `version ${String(plan.version)} and recipe "${String(plan.recipe)}"`;
    throw badPlan(`${path}: found ${found}, expected version ${protocolVersion} and recipe "supervised".`);
  }
  return plan as TrainingPlan;
}

function badPlan(message: string): TunesmithError {
  return new TunesmithError('internal', message, { code: 'invalid_plan' });
}

/** The first error speaks; those that follow from it are only logged. */
async function fail(error: unknown): Promise<void> {
  console.error(error);
  if (process.exitCode !== undefined) return;
  process.exitCode = exitCodes.failed;
  await parent.tellLast(failureOf(error));
  process.exit();
}
