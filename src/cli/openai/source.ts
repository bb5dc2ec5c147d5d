/**
 * The platform that is left: the user's own key from the environment, the official SDK, patience with limits.
 *
 * The key is never an argument (every process of a machine can read those) and never written: what a server says
 * about it is redacted before it reaches a file or the screen.
 */

import type { Command } from 'commander';
import OpenAI from 'openai';
import { TunesmithError, invalid } from '../../domain/errors.ts';
import { politeFetch, type Polite } from '../../leaving/polite.ts';
import { lockFolder } from '../../store/folder-lock.ts';
import { wholeNumber, type Context } from '../context.ts';
import { UsageError } from '../outcome.ts';
import { formatDuration } from '../terminal.ts';

export interface SourceOptions {
  readonly keyEnv: string;
  readonly retryWait: number;
}

export interface Source {
  readonly openai: OpenAI;
  readonly baseUrl: string;
  readonly polite: Polite;
  readonly redact: (text: string) => string;
}

/** What the commands that ask over there have in common. */
export const sourceOptions = (command: Command): Command =>
  command
    .option('--key-env <name>', 'environment variable that holds the key', keyEnvDefault)
    .option('--retry-wait <ms>', 'first wait where the server names none; doubled each time', wholeNumber, 500);

const keyEnvDefault = 'OPENAI_API_KEY';
const official = 'https://api.openai.com/v1';
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
  const baseUrl = cleanUrl(context.namedServer ?? official);
  const { hostname, protocol } = new URL(baseUrl);
  if (protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname))
    context.terminal.note(`${hostname} is asked over http: the key and all data travel unencrypted.`);
  const polite = politeFetch({
    signal: context.signal,
    waitMs: retryWait,
    onWait: (ms, reason) => {
      if (ms >= toldWaitMs) context.terminal.note(`Waiting ${formatDuration(ms)}: ${reason}.`);
    },
  });
  // The SDK's own limit covers waits and all attempts; ours is for each answer.
  const openai = new OpenAI({
    baseURL: baseUrl,
    apiKey: key,
    fetch: polite.fetch,
    maxRetries: 0,
    timeout: 6 * 3_600_000,
  });
  context.baseUrl = baseUrl;
  return {
    openai,
    baseUrl,
    polite,
    redact: (text) => text.replaceAll(key, '(key)').replaceAll(/\bsk-[\w*-]{6,}/g, '(key)'),
  };
}

/** One command at a time writes into a folder: two would each forget what the other took. */
export async function lockCapture(folder: string): Promise<AsyncDisposable> {
  try {
    return await lockFolder(folder);
  } catch (error) {
    if (!(error instanceof TunesmithError)) throw error;
    throw invalid(null, `Another command is at work in ${folder}.`);
  }
}

/** Without what does not name a place: a slash at the end, a fragment; a name and password are refused. */
function cleanUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:/.test(text))
    throw new UsageError(`The base URL is "${text}"; something like ${official} was expected.`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw new UsageError('The base URL holds a name and password; they would end up in the manifest. Leave them away.');
  url.hash = '';
  url.search = '';
  return url.href.replace(/\/+$/, '');
}
