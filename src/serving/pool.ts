/**
 * Which base models are in memory: loaded when first asked for, unloaded when idle or when another needs the room,
 * started again when their process has died.
 *
 * A process that dies is started again at the next request, at once the first time, then after a pause that grows
 * with every failure in a row; meanwhile requests are refused with the reason. One answer makes good for all.
 */

import { TunesmithError } from '../domain/errors.ts';
import { isEncoder } from '../families/table.ts';
import type { Log } from '../log.ts';
import type { BaseModel } from '../models/base-models.ts';
import type { TextCodec } from '../text/codec.ts';
import { openCodec } from '../text/open-codec.ts';
import { type EncoderText, openEncoderText } from './encoder-text.ts';
import { Runtime } from './runtime.ts';

export interface PoolSettings {
  readonly log: Log;
  readonly threads: number;
  readonly exact: boolean;
  readonly cacheBytesMax: number;
  /** Bytes for all models together, estimated by their files. */
  readonly loadedBytesMax: number;
  readonly idleMs: number;
  /** Requests to one model at a time, running and waiting. */
  readonly requestsMax: number;
}

/** Beside its file a loaded model needs its caches and buffers. */
const bytesInMemory = (base: BaseModel): number => base.sizeBytes + 2 ** 28;

const pauseMsMax = 5 * 60 * 1000;

/** Nothing after the first failure, then 1 s, 4 s, 16 s, … */
const pauseMs = (failures: number): number => (failures < 2 ? 0 : Math.min(1000 * 4 ** (failures - 2), pauseMsMax));

/** A base model that was asked for, whether its process runs at the moment or not. */
interface Resident {
  readonly base: BaseModel;
  codec: Promise<TextCodec> | null;
  /** Instead of a codec, for models that only read. */
  encoder: Promise<EncoderText> | null;
  runtime: Runtime | null;
  requests: number;
  usedAtMs: number;
  idleTimer: NodeJS.Timeout | null;
  failuresInARow: number;
  failure: TunesmithError | null;
  pausedUntilMs: number;
}

/** A model that stays in memory while its borrower holds it. */
export interface Borrowed extends Disposable {
  readonly runtime: Runtime;
  /** Tells that the model does its work. */
  succeeded(): void;
}

export class Pool implements AsyncDisposable {
  readonly #settings: PoolSettings;
  readonly #residents = new Map<string, Resident>();
  #threads: number;
  #starts: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#threads = settings.threads;
  }

  /** The tokenizer and template of a base, without loading its weights. */
  async codec(base: BaseModel): Promise<TextCodec> {
    const resident = this.#resident(base);
    resident.codec ??= codecOf(base);
    try {
      return await resident.codec;
    } catch (error) {
      resident.codec = null;
      throw error;
    }
  }

  /** The tokenizer and labels of an encoder, without loading its weights. */
  async encoder(base: BaseModel): Promise<EncoderText> {
    const resident = this.#resident(base);
    resident.encoder ??= openEncoderText(base);
    try {
      return await resident.encoder;
    } catch (error) {
      resident.encoder = null;
      throw error;
    }
  }

  /** The base, loaded; throws why it cannot be had. */
  async borrow(base: BaseModel): Promise<Borrowed> {
    const resident = this.#resident(base);
    const { requestsMax } = this.#settings;
    if (resident.requests >= requestsMax)
      throw new TunesmithError(
        'overloaded',
        `The model '${base.id}' has ${requestsMax} requests to answer already, which is the limit. Try again later.`,
      );
    resident.requests += 1;
    if (resident.idleTimer !== null) clearTimeout(resident.idleTimer);
    const giveBack = () => this.#giveBack(resident);
    try {
      const runtime = await this.#running(resident);
      await runtime.ready;
      const succeeded = () => void Object.assign(resident, { failuresInARow: 0, failure: null });
      return { runtime, succeeded, [Symbol.dispose]: giveBack };
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  setThreads(threads: number): void {
    this.#threads = threads;
    for (const { runtime } of this.#residents.values()) runtime?.setThreads(threads);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#residents.values()].map((resident) => this.#unload(resident)));
  }

  #resident(base: BaseModel): Resident {
    const key = `${base.path} ${base.sha256}`;
    const known = this.#residents.get(key);
    if (known !== undefined) return known;
    const resident: Resident = {
      base,
      codec: null,
      encoder: null,
      runtime: null,
      requests: 0,
      usedAtMs: 0,
      idleTimer: null,
      failuresInARow: 0,
      failure: null,
      pausedUntilMs: 0,
    };
    this.#residents.set(key, resident);
    return resident;
  }

  async #running(resident: Resident): Promise<Runtime> {
    if (this.#closed) throw new TunesmithError('overloaded', 'The server is shutting down.');
    if (resident.runtime !== null) return resident.runtime;
    const waitMs = resident.pausedUntilMs - performance.now();
    if (waitMs > 0 && resident.failure !== null) throw refused(resident.failure, resident.failuresInARow, waitMs);
    // One after the other, so that two models cannot take the same room.
    const started = this.#starts.then(async () => {
      if (resident.runtime === null) await this.#makeRoom(resident);
      return (resident.runtime ??= this.#start(resident));
    });
    this.#starts = started.catch(() => {});
    return await started;
  }

  #start(resident: Resident): Runtime {
    const { log, exact, cacheBytesMax } = this.#settings;
    const { base } = resident;
    const runtime = new Runtime(base.id, {
      engine: isEncoder(base) ? 'encoder' : 'llama.cpp',
      modelPath: base.path,
      threads: this.#threads,
      exact,
      cacheBytesMax,
    });
    log.info('runtime.started', { model: base.id, pid: runtime.pid });
    void this.#watch(resident, runtime);
    return runtime;
  }

  async #watch(resident: Resident, runtime: Runtime): Promise<void> {
    const { log } = this.#settings;
    const model = resident.base.id;
    const { type, error } = await runtime.ended;
    if (resident.runtime === runtime) resident.runtime = null;
    if (type === 'closed') return log.info('runtime.closed', { model });
    resident.failuresInARow += 1;
    resident.failure = error;
    resident.pausedUntilMs = performance.now() + pauseMs(resident.failuresInARow);
    log.error(`runtime.${type}`, { model, message: error.message, inARow: resident.failuresInARow });
  }

  /** Unloads models that nobody uses, the longest idle first, until this one fits; alone it may try in any case. */
  async #makeRoom(resident: Resident): Promise<void> {
    const { loadedBytesMax } = this.#settings;
    const others = () => [...this.#residents.values()].filter((other) => other !== resident && other.runtime !== null);
    const isShort = () =>
      others().reduce((sum, { base }) => sum + bytesInMemory(base), bytesInMemory(resident.base)) > loadedBytesMax;
    const idle = others()
      .filter(({ requests }) => requests === 0)
      .sort((a, b) => a.usedAtMs - b.usedAtMs);
    while (isShort() && idle.length > 0) await this.#unload(idle.shift()!);
    if (isShort() && others().length > 0)
      throw new TunesmithError(
        'overloaded',
        `There is no memory for the model '${resident.base.id}' while ${others()
          .map(({ base }) => `'${base.id}'`)
          .join(', ')} answer requests. Try again later.`,
      );
  }

  #giveBack(resident: Resident): void {
    resident.requests -= 1;
    resident.usedAtMs = performance.now();
    if (resident.requests > 0 || resident.runtime === null) return;
    if (resident.idleTimer !== null) clearTimeout(resident.idleTimer);
    resident.idleTimer = setTimeout(() => void this.#unload(resident), this.#settings.idleMs).unref();
  }

  async #unload(resident: Resident): Promise<void> {
    const { runtime } = resident;
    if (resident.idleTimer !== null) clearTimeout(resident.idleTimer);
    resident.runtime = null;
    await runtime?.[Symbol.asyncDispose]();
  }
}

async function codecOf(base: BaseModel): Promise<TextCodec> {
  try {
    return await openCodec(base.path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TunesmithError('internal', `The model '${base.id}' cannot be loaded: ${reason}`, {
      code: 'model_unloadable',
      cause,
    });
  }
}

function refused(failure: TunesmithError, failuresInARow: number, waitMs: number): TunesmithError {
  const seconds = Math.ceil(waitMs / 1000);
  const message = `${failure.message} That was failure ${failuresInARow} in a row; the next attempt is in ${seconds} s.`;
  const options = { code: failure.code, cause: failure };
  // What keeps failing is not worth a retry; without a time, an internal error tells clients so.
  if (failuresInARow > 2) return new TunesmithError('internal', message, options);
  return new TunesmithError('overloaded', message, { ...options, retryAfterMs: waitMs });
}
