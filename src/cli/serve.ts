/** `tunesmith serve`: the API on a port, until it is told to stop. */

import { once } from 'node:events';
import type { Command } from 'commander';
import { readSettings, settingsTable } from '../config.ts';
import { openServer } from './connection.ts';
import { wholeNumber, type Act } from './context.ts';

const settingsHelp = Object.values(settingsTable)
  .map(({ variable, help }) => `  ${variable.padEnd(24)}${help}`)
  .join('\n');

const help = `
Settings come from the environment:
${settingsHelp}

Examples:
  $ tunesmith serve
  $ tunesmith serve --port 9000 --home ./data
  $ TUNESMITH_API_KEYS=sk-one,sk-two tunesmith serve --host 0.0.0.0`;

export function serveCommand(program: Command, act: Act): void {
  program
    .command('serve')
    .description("run the server and its dashboard; point a program's base_url at it")
    .option('--host <address>', `where to listen (default: ${settingsTable.host.initial})`)
    .option('--port <number>', `0 takes a free one (default: ${settingsTable.port.initial})`, wholeNumber)
    .addHelpText('after', help)
    .action(
      act(async (context, { host, port }: { host?: string; port?: number }) => {
        const { signal, surroundings, terminal } = context;
        const settings = readSettings(surroundings.env, {
          home: context.home,
          ...(host === undefined ? {} : { host }),
          ...(port === undefined ? {} : { port }),
        });
        await using server = await openServer(settings, { training: true });
        terminal.note(`Tunesmith answers at ${server.url}/v1 (data in ${settings.home}). Ctrl-C stops it.`);
        terminal.note(`The dashboard: ${server.url}/`);
        if (!signal.aborted) await once(signal, 'abort');
      }),
    );
}
