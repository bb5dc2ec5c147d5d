/**
 * The platform that is left, as commands name it: the user's own key from the environment.
 *
 * The key is never an argument: every process of a machine can read those.
 */

import type { Command } from 'commander';
import { cleanBaseUrl, officialUrl, openSource as connect, type Source } from '../../leaving/source.ts';
import { wholeNumber, type Context } from '../context.ts';
import { UsageError } from '../outcome.ts';
import { formatDuration } from '../terminal.ts';

export interface SourceOptions {
  readonly keyEnv: string;
  readonly retryWait: number;
}

/** What the commands that ask over there have in common. */
export const sourceOptions = (command: Command): Command =>
  command
    .option('--key-env <name>', 'environment variable that holds the key', keyEnvDefault)
    .option('--retry-wait <ms>', 'first wait where the server names none; doubled each time', wholeNumber, 500);

const keyEnvDefault = 'OPENAI_API_KEY';
/** Waits shorter than this pass without a word. */
const toldWaitMs = 2000;

export function openSource(context: Context, { keyEnv, retryWait }: SourceOptions): Source {
  context.refuseApiKey(`The key is read from the environment variable ${keyEnv}`);
  const { env } = context.surroundings;
  const key = env[keyEnv];
  if (key === undefined || key === '')
    throw new UsageError(
      `The environment variable ${keyEnv} has no key; set it, or name another with --key-env. A key has no place in a command line.`,
    );
  const baseUrl = cleanUrl(context.namedServer ?? officialUrl);
  const { hostname, protocol } = new URL(baseUrl);
  if (protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname))
    context.terminal.note(`${hostname} is asked over http: the key and all data travel unencrypted.`);
  context.baseUrl = baseUrl;
  return connect({
    key,
    baseUrl,
    signal: context.signal,
    waitMs: retryWait,
    onWait: (ms, reason) => {
      if (ms >= toldWaitMs) context.terminal.note(`Waiting ${formatDuration(ms)}: ${reason}.`);
    },
  });
}

function cleanUrl(text: string): string {
  try {
    return cleanBaseUrl(text);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
