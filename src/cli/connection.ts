/**
 * A client of a server: one that was named, one that has the data folder, or one started here for the while.
 *
 * Whatever it is, commands see the official SDK and nothing else. A server started here listens on a free port
 * of loopback only, and closes with the connection: a job that still trains is left at its last checkpoint and
 * goes on when the next server opens the folder.
 */

import { randomBytes } from 'node:crypto';
import OpenAI from 'openai';
import type { Keyring } from '../access/keyring.ts';
import { readSettings, type Settings } from '../config.ts';
import { Closing } from '../closing.ts';
import { TunesmithError } from '../domain/errors.ts';
import { openHouse } from '../house.ts';
import { openLog } from '../log.ts';
import { createApp } from '../server/app.ts';
import { listen } from '../server/listen.ts';
import { readHolder } from '../store/folder-lock.ts';
import { UsageError } from './outcome.ts';

export interface Connection extends AsyncDisposable {
  readonly openai: OpenAI;
  readonly baseUrl: string;
  /** Whether the server lives in this process, and ends with it. */
  readonly startedHere: boolean;
}

export interface ConnectOptions {
  readonly baseUrl: string | null;
  readonly apiKey: string | null;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a server started here works on waiting jobs; a command that ends at once should not begin to. */
  readonly training: boolean;
}

/** Any key will do for a server without keys, and the SDK wants one. A server started here has one of its own. */
const loopbackKey = 'tunesmith';

export async function connect(options: ConnectOptions): Promise<Connection> {
  if (options.baseUrl !== null) return connectTo(options.baseUrl, options.apiKey);
  try {
    return await startHere(options);
  } catch (error) {
    if (!(error instanceof TunesmithError) || error.code !== 'data_folder_in_use') throw error;
    const holder = await readHolder(options.home);
    if (holder?.url === undefined) throw error;
    return connectTo(`${holder.url}/v1`, options.apiKey);
  }
}

function connectTo(baseUrl: string, apiKey: string | null): Connection {
  if (apiKey === null && !isLoopback(baseUrl)) {
    throw new UsageError(`${baseUrl} is not on this machine: give a key with --api-key or OPENAI_API_KEY.`);
  }
  return {
    openai: new OpenAI({ baseURL: baseUrl, apiKey: apiKey ?? loopbackKey }),
    baseUrl,
    startedHere: false,
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Whether an address is this machine's own. */
export const isLoopback = (baseUrl: string): boolean =>
  /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(parseUrl(baseUrl).hostname);

function parseUrl(text: string): URL {
  if (!URL.canParse(text) || !/^https?:/.test(text)) {
    throw new UsageError(`The base URL is "${text}"; something like http://127.0.0.1:8080/v1 was expected.`);
  }
  return new URL(text);
}

async function startHere({ env, home, training, apiKey: wanted }: ConnectOptions): Promise<Connection> {
  const own = randomBytes(32).toString('hex');
  const settings = readSettings(env, { home, host: '127.0.0.1', port: 0, apiKeys: [own], logLevel: 'error' });
  const opened = await openServer(settings, { training });
  // A key of the house shows its own project; any other, such as one for OpenAI itself, is not meant for us.
  const fits = (await opened.keyring.look()).accessWith(wanted) !== null;
  const apiKey = wanted !== null && fits ? wanted : own;
  const baseUrl = `${opened.url}/v1`;
  return {
    openai: new OpenAI({ baseURL: baseUrl, apiKey }),
    baseUrl,
    startedHere: true,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

/** The house behind a port, both closed together. */
export async function openServer(
  settings: Settings,
  options: { readonly training: boolean },
): Promise<AsyncDisposable & { readonly url: string; readonly keyring: Keyring }> {
  await using opening = new Closing();
  const house = opening.use(await openHouse(settings, openLog(settings.logLevel), options));
  const app = createApp(house);
  opening.defer(() => app.close());
  const url = await listen(app, house);
  const open = opening.move();
  return { url, keyring: house.keyring, [Symbol.asyncDispose]: () => open[Symbol.asyncDispose]() };
}
