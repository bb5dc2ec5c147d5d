/**
 * How a command ends: what each exit code means, and every error as one line that says what, where and what to do.
 *
 * Stack traces are for those who build the house: `--verbose` or TUNESMITH_DEBUG=1.
 */

import { CommanderError } from 'commander';
import { APIConnectionError, APIError } from 'openai';
import { TunesmithError } from '../domain/errors.ts';
import { wasStopped } from '../evals/view.ts';

export const exitCodes = { success: 0, failure: 1, usage: 2, jobFailed: 3, interrupted: 130 } as const;

export const exitCodesHelp = `Exit codes:
  0    done
  1    it failed; the last line on stderr says why
  2    the command line was wrong
  3    the job that was followed failed or was cancelled
  130  stopped by Ctrl-C`;

/** The command line asks for something that cannot be. */
export class UsageError extends Error {}

/** A followed job ended without a model. */
export class JobFailed extends Error {}

/** Ctrl-C: nothing went wrong; `message` tells what goes on without us. */
export class Interrupted extends Error {}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage;
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof JobFailed) return exitCodes.jobFailed;
  if (isInterruption(error)) return exitCodes.interrupted;
  return exitCodes.failure;
}

export function isInterruption(error: unknown): boolean {
  return error instanceof Interrupted || wasStopped(error);
}

/** One line for a person; `baseUrl` is where the command was talking to, if anywhere. */
export function explain(error: unknown, baseUrl: string | null): string {
  if (isInterruption(error)) return error instanceof Interrupted ? error.message : 'Stopped.';
  if (error instanceof APIConnectionError) {
    return `No server answers at ${baseUrl}. Start one with "tunesmith serve", or name another with --base-url.`;
  }
  if (error instanceof APIError) {
    const message = (error.error as { message?: unknown } | undefined)?.message;
    const said = typeof message === 'string' ? message : error.message;
    return `${said} (${[error.status, error.code].filter(Boolean).join(' ')} from ${baseUrl})`;
  }
  if (!(error instanceof Error)) return String(error);
  if (error instanceof TunesmithError) return error.message;
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && path !== undefined) return `There is no file ${path}.`;
  if (code === 'EISDIR') return `${path ?? 'That'} is a folder; a file was expected.`;
  return error.message.split('\n')[0] || error.name;
}
