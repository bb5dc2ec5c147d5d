/**
 * What every command is given: the terminal, the signal that Ctrl-C raises, the data folder, and a way to a server.
 *
 * Options that all commands share are read here; each command declares the type of its own beside its options.
 */

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { connect, type Connection } from './connection.ts';
import { UsageError } from './outcome.ts';
import { Terminal, type Streams } from './terminal.ts';

/** The process as a command sees it; tests bring their own. */
export interface Surroundings extends Streams {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface SharedOptions {
  readonly baseUrl?: string;
  readonly apiKey?: string;
  readonly home?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

export class Context {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly home: string;
  /** Whether `--home` said so, and has to say so again next time. */
  readonly homeWasNamed: boolean;
  readonly surroundings: Surroundings;
  /** The server named by `--base-url` or OPENAI_BASE_URL; null means the house of this data folder. */
  readonly namedServer: string | null;
  readonly #shared: SharedOptions;
  /** Where the newest connection led, for error messages. */
  baseUrl: string | null = null;

  constructor(surroundings: Surroundings, shared: SharedOptions) {
    this.surroundings = surroundings;
    this.terminal = new Terminal(surroundings, { json: shared.json === true });
    this.signal = surroundings.signal;
    this.#shared = shared;
    this.homeWasNamed = shared.home !== undefined;
    this.namedServer = shared.baseUrl ?? (surroundings.env['OPENAI_BASE_URL'] || null);
    this.home = resolve(shared.home ?? surroundings.env['TUNESMITH_HOME'] ?? join(homedir(), '.tunesmith'));
  }

  /** For commands that only make sense here. The environment may name a server all the same; it is not asked. */
  refuseBaseUrl(reason: string): void {
    if (this.#shared.baseUrl !== undefined) throw new UsageError(`${reason}; leave --base-url away.`);
  }

  /** For commands that need a key of somebody else's: a command line is seen by every process of the machine. */
  refuseApiKey(reason: string): void {
    if (this.#shared.apiKey !== undefined) throw new UsageError(`${reason}; leave --api-key away.`);
  }

  /** To the server that was named; else to the one that has the data folder; else to one started here, which trains if asked to. `local` skips the first. */
  async connect({ training = false, local = false } = {}): Promise<Connection> {
    const connection = await connect({
      baseUrl: local ? null : this.namedServer,
      apiKey: this.#shared.apiKey ?? this.surroundings.env['OPENAI_API_KEY'] ?? null,
      home: this.home,
      env: this.surroundings.env,
      training,
    });
    this.baseUrl = connection.baseUrl;
    return connection;
  }
}

export type Act = ReturnType<typeof actWith>;

/**
 * Turns a command's work into what commander calls: its options as it declared them, then the positional
 * arguments as strings, variadic ones spread. `onContext` is told the context of the command that runs.
 */
export function actWith(surroundings: Surroundings, onContext: (context: Context) => void) {
  return <Options>(work: (context: Context, options: Options, ...positional: string[]) => Promise<void>) =>
    async (...called: unknown[]): Promise<void> => {
      const command = called.at(-1) as Command;
      const context = new Context(surroundings, command.optsWithGlobals<SharedOptions>());
      onContext(context);
      const positional = (command.processedArgs as (string | string[] | undefined)[]).flat();
      await work(context, command.opts() as Options, ...positional.filter((each) => each !== undefined));
    };
}

/** Parsers for option values: commander hands them the text. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`"${text}" was given where a whole number was expected.`);
  return Number(text);
}

export function decimalNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new UsageError(`"${text}" was given where a number was expected.`);
  }
  return value;
}
