#!/usr/bin/env node
/** The command `tunesmith`: the process around the command line. */

import { setMaxListeners } from 'node:events';
import { runCommandLine } from './cli/program.ts';

const interruption = new AbortController();
setMaxListeners(0, interruption.signal); // every request listens
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second time the user means it: whatever is being closed stays as a kill would leave it.
    if (interruption.signal.aborted) process.exit(130);
    interruption.abort();
  });
}
// A reader such as `head` may leave early; what it did not want is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: interruption.signal,
});
