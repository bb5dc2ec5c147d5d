/** What runs of evals work with in this house: its stores, its models, and the tools of its graders. */

import { setTimeout as sleep } from 'node:timers/promises';
import { TunesmithError } from '../domain/errors.ts';
import { ItemFailure, RunFailure } from '../evals/api/failure.ts';
import type { RunRooms } from '../evals/api/run-worker.ts';
import type { House } from '../house.ts';
import { answerChat } from './answer.ts';
import { graderToolsOf } from './grader-tools.ts';
import { answerResponse } from './respond.ts';

export const runRoomsOf =
  (house: House) =>
  (project: string): RunRooms => {
    const { completions, responses, files } = house.of(project);
    const access = { project, key: null };
    const tools = graderToolsOf(house, access, 'background');
    return {
      stores: {
        completions,
        responses,
        path: async (id) => ((await files.find(id)) === null ? null : files.path(id)),
      },
      answerer: {
        chat: (body, signal) =>
          asItems(() => patiently(() => answerChat(house, access, body, signal, 'background'), signal), signal),
        respond: (body, signal) =>
          asItems(() => patiently(() => answerResponse(house, access, body, signal, 'background'), signal), signal),
      },
      tools: {
        python: tools.python,
        chat: (body, signal) => patiently(() => tools.chat(body, signal), signal),
        embed: (texts, signal) => patiently(() => tools.embed(texts, signal), signal),
      },
    };
  };

const retryMs = 200;
const retryMsMax = 10_000;
const passing: ReadonlySet<string> = new Set(['overloaded', 'rate_limited', 'tokens_used_up']);

/** Asks again for as long as so much else is going on that nobody is let in. */
async function patiently<Answer>(ask: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  for (let waitMs = retryMs; ; waitMs = Math.min(2 * waitMs, retryMsMax)) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof TunesmithError) || !passing.has(error.kind)) throw error;
      await sleep(waitMs, undefined, { signal });
    }
  }
}

/** A model that is gone fails the run; what else goes wrong is the item's own. */
async function asItems<Answer>(ask: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TunesmithError)) throw new ItemFailure('server_error', messageOf(error));
    const code = error.code ?? error.kind;
    throw code === 'model_not_found' ? new RunFailure(code, error.message) : new ItemFailure(code, error.message);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
