/**
 * The command line: which commands exist, and how a run of one becomes an exit code.
 *
 * Commands are mere clients of the API: they speak through the official SDK and drive any server that keeps
 * OpenAI's API, ours or theirs. Only `serve`, `quickstart` and `models` know the house itself.
 */

import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import { adviseCommand } from './advise.ts';
import { batchesCommand } from './batches.ts';
import { chatCommand } from './chat.ts';
import { compareCommand } from './compare/compare.ts';
import { actWith, type Context, type Surroundings } from './context.ts';
import { dataCommand } from './data/data.ts';
import { evalCommand } from './eval.ts';
import { evalsCommand } from './evals.ts';
import { exportCommand } from './export.ts';
import { filesCommand } from './files.ts';
import { jobsCommand } from './jobs.ts';
import { learningCurveCommand } from './learning-curve.ts';
import { modelsCommand } from './models.ts';
import { openaiCommand } from './openai/openai.ts';
import { exitCodeOf, exitCodes, exitCodesHelp, explain } from './outcome.ts';
import { keysCommand } from './keys.ts';
import { quickstartCommand } from './quickstart.ts';
import { serveCommand } from './serve.ts';
import { sweepCommand } from './sweep.ts';
import { webhooksCommand } from './webhooks.ts';

const commands = [
  serveCommand,
  quickstartCommand,
  dataCommand,
  modelsCommand,
  exportCommand,
  filesCommand,
  jobsCommand,
  chatCommand,
  evalCommand,
  evalsCommand,
  openaiCommand,
  compareCommand,
  sweepCommand,
  learningCurveCommand,
  adviseCommand,
  batchesCommand,
  webhooksCommand,
  keysCommand,
];

const environmentHelp = `Environment:
  OPENAI_BASE_URL   like --base-url
  OPENAI_API_KEY    like --api-key
  TUNESMITH_HOME    like --home
  TUNESMITH_DEBUG   like --verbose`;

/** Runs one command line (without node and script name) and gives its exit code; errors end here. */
export async function runCommandLine(words: readonly string[], surroundings: Surroundings): Promise<number> {
  let context: Context | null = null;
  const program = buildProgram(surroundings, (each) => (context = each));
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exitCodes.success;
  } catch (error) {
    const code = exitCodeOf(error);
    if (!(error instanceof CommanderError)) {
      surroundings.stderr.write(
        `${code === exitCodes.interrupted ? '' : 'Error: '}${explain(error, baseUrlOf(context))}\n`,
      );
      const verbose = program.opts<{ verbose?: boolean }>().verbose === true || surroundings.env['TUNESMITH_DEBUG'];
      if (verbose && error instanceof Error) surroundings.stderr.write(`${error.stack}\n`);
    }
    return code;
  }
}

const baseUrlOf = (context: Context | null): string | null => context?.baseUrl ?? null;

function buildProgram(surroundings: Surroundings, onContext: (context: Context) => void): Command {
  const program = new Command('tunesmith')
    .description("OpenAI's fine-tuning platform, on your own machine")
    .version(version)
    .option('--base-url <url>', 'the API to talk to, ending in /v1; without it, the server of this data folder')
    .option('--api-key <key>', 'the key to send')
    .option('--home <folder>', 'the data folder (default: ~/.tunesmith)')
    .option('--json', 'data as JSON')
    .option('--verbose', 'show the trace of an error')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void surroundings.stdout.write(text),
      writeErr: (text) => void surroundings.stderr.write(text),
    })
    .showHelpAfterError('(add --help to see what is possible)')
    .addHelpText('after', `\n${environmentHelp}\n\n${exitCodesHelp}`)
    .exitOverride();
  const act = actWith(surroundings, onContext);
  for (const add of commands) add(program, act);
  return program;
}
