/**
 * The whole product in a temporary folder, with the official SDK pointed at it.
 *
 *   await using house = await openTestHouse();
 *   await house.openai.files.list();
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import OpenAI from 'openai';
import { Closing } from '../src/closing.ts';
import { readSettings, type Settings } from '../src/config.ts';
import { type House, openHouse } from '../src/house.ts';
import { createApp } from '../src/server/app.ts';
import { listen } from '../src/server/listen.ts';

export interface TestHouse extends AsyncDisposable {
  /** The official client, with retries off so that every answer is seen. */
  readonly openai: OpenAI;
  readonly house: House;
  readonly app: FastifyInstance;
  /** Base URL, ending in `/v1`. */
  readonly url: string;
  /** The data folder. */
  readonly home: string;
}

/** Settings of a test: a free port, no alias or key unless asked for, and a quiet log. */
export async function openTestHouse(settings: Partial<Settings> = {}): Promise<TestHouse> {
  await using opening = new Closing();
  const home = settings.home ?? (await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'house-')));
  if (settings.home === undefined) opening.defer(() => rm(home, { recursive: true, force: true }));
  const all = readSettings({}, { port: 0, logLevel: 'silent', device: 'cpu', ...settings, home });
  const house = opening.use(await openHouse(all));
  const app = createApp(house);
  opening.defer(() => app.close());
  const url = `${await listen(app, house)}/v1`;
  const openai = new OpenAI({ baseURL: url, apiKey: all.apiKeys[0] ?? 'any-key', maxRetries: 0 });
  const open = opening.move();
  return { openai, house, app, url, home, [Symbol.asyncDispose]: () => open[Symbol.asyncDispose]() };
}
