/**
 * A runtime as the server sees it: a child process that is started, asked, and one day gone.
 *
 * It ends in one of three ways, told by `ended`: closed by us, unable to load its model, or crashed. Requests that
 * are in flight then fail with that. Knows nothing of text, and nothing of second attempts (`pool.ts`).
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { TunesmithError } from '../domain/errors.ts';
import { programArguments } from '../programs.ts';
import { Answer, type AnswerRequest } from './answer.ts';
import { Reading, Vectors, type VectorsRequest } from './vectors.ts';
import type {
  GenerateCommand,
  ReadCommand,
  RuntimeCommand,
  RuntimeReport,
  RuntimeSettings,
  Sampling,
} from './protocol.ts';

export interface RuntimeEnd {
  readonly type: 'closed' | 'unloadable' | 'crashed';
  /** What requests are told that were in flight. */
  readonly error: TunesmithError;
}

/** After a crash the next request starts another process, so that whoever was unlucky may ask again. */
const restartMs = 500;
/** A crash says why on stderr, in its last lines. */
const lastWordsMax = 2000;

export type ChoosingRequest = Pick<GenerateCommand, 'adapter' | 'prompt' | 'priority'> &
  Required<Pick<GenerateCommand, 'answers'>>;

const plainSampling: Sampling = {
  temperature: 0,
  topP: 1,
  seed: 0,
  frequencyPenalty: 0,
  presencePenalty: 0,
  logitBias: [],
};

export class Runtime implements AsyncDisposable {
  /** Resolves when the model is loaded, rejects when that comes to nothing. */
  readonly ready: Promise<void>;
  readonly ended: Promise<RuntimeEnd>;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, Answer>();
  readonly #vectors = new Map<number, Vectors>();
  readonly #readings = new Map<number, Reading>();
  #end: RuntimeEnd | null = null;
  #lastWords = '';
  #unloadable: string | null = null;
  #closing = false;
  #requests = 0;

  /** `name` is the model's, for messages. */
  constructor(name: string, settings: RuntimeSettings) {
    this.#name = name;
    const program = [...programArguments('serving/runtime-main'), JSON.stringify(settings)];
    this.#child = spawn(process.execPath, program, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
      env: environment(),
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (words: string) => {
      this.#lastWords = (this.#lastWords + words).slice(-lastWordsMax);
    });
    this.ended = this.#watchEnd();
    this.ready = this.#watchReady();
    this.ready.catch(() => {}); // whoever waits for it hears; nobody has to
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Asks for an answer; wait for `ready` first. */
  generate(request: AnswerRequest): Answer {
    const id = ++this.#requests;
    const answer = new Answer(request.choices, {
      endChoice: (choice) => this.#send({ type: 'end-choice', id, choice }),
      cancel: () => this.#send({ type: 'cancel', id }),
      done: () => void this.#answers.delete(id),
    });
    if (this.#end !== null) {
      answer.fail(this.#end.error);
      return answer;
    }
    this.#answers.set(id, answer);
    this.#send({ type: 'generate', id, ...request });
    return answer;
  }

  /** Asks for vectors; wait for `ready` first. */
  async embed(request: VectorsRequest, signal?: AbortSignal): Promise<Float64Array[]> {
    if (this.#end !== null) throw this.#end.error;
    const id = ++this.#requests;
    const vectors = new Vectors(request.inputs.length);
    const abort = (): void => {
      this.#send({ type: 'cancel', id });
      vectors.fail(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#vectors.set(id, vectors);
    this.#send({ type: 'embed', id, ...request });
    try {
      return await vectors.complete;
    } finally {
      this.#vectors.delete(id);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Asks an encoder what its outputs are worth; wait for `ready` first. */
  async read(request: Omit<ReadCommand, 'type' | 'id'>, signal?: AbortSignal): Promise<Float32Array> {
    return await this.#find((id) => ({ type: 'read', id, ...request }), signal);
  }

  /** Log-probabilities of answers of which one has to be chosen. */
  async choose(request: ChoosingRequest, signal?: AbortSignal): Promise<Float32Array> {
    const rest = { choices: 0, tokensMax: 1, endTokens: [], sampling: plainSampling, constraint: null } as const;
    const more = { topLogprobs: null, tokensPerReport: 1, scorePrompt: false } as const;
    return await this.#find((id) => ({ type: 'generate', id, ...rest, ...more, ...request }), signal);
  }

  async #find(command: (id: number) => RuntimeCommand, signal?: AbortSignal): Promise<Float32Array> {
    if (this.#end !== null) throw this.#end.error;
    const id = ++this.#requests;
    const reading = new Reading();
    const abort = (): void => {
      this.#send({ type: 'cancel', id });
      reading.fail(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#readings.set(id, reading);
    this.#send(command(id));
    try {
      return await reading.complete;
    } finally {
      this.#readings.delete(id);
      signal?.removeEventListener('abort', abort);
    }
  }

  setThreads(threads: number): void {
    this.#send({ type: 'threads', threads });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    this.#child.kill('SIGKILL'); // it has nothing to save
    await this.ended;
  }

  #watchReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.on('message', (report: RuntimeReport) => {
        if (report.type === 'ready') resolve();
        else this.#hear(report);
      });
      void this.ended.then(({ error }) => reject(error));
    });
  }

  async #watchEnd(): Promise<RuntimeEnd> {
    const how = await new Promise<string>((resolve) => {
      this.#child.on('error', (error) => this.#child.pid === undefined && resolve(error.message)); // never started
      this.#child.once('close', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
    this.#end = this.#nameEnd([how, this.#lastWords.trim()].filter((part) => part !== '').join(': '));
    const asked = [...this.#answers.values(), ...this.#vectors.values(), ...this.#readings.values()];
    for (const each of asked) each.fail(this.#end.error);
    return this.#end;
  }

  #nameEnd(how: string): RuntimeEnd {
    const model = `The model '${this.#name}'`;
    if (this.#closing)
      return { type: 'closed', error: new TunesmithError('overloaded', `${model} is being unloaded.`) };
    if (this.#unloadable !== null) {
      const message = `${model} cannot be loaded: ${this.#unloadable}`;
      return { type: 'unloadable', error: new TunesmithError('internal', message, { code: 'model_unloadable' }) };
    }
    const message = `${model} stopped answering: its process died (${how}).`;
    const options = { code: 'model_crashed', retryAfterMs: restartMs };
    return { type: 'crashed', error: new TunesmithError('internal', message, options) };
  }

  #hear(report: Exclude<RuntimeReport, { type: 'ready' }>): void {
    switch (report.type) {
      case 'prompt':
      case 'tokens':
        return this.#answers.get(report.id)?.push(report);
      case 'embedding':
        return this.#vectors.get(report.id)?.push(report);
      case 'logits':
        return this.#readings.get(report.id)?.push(report);
      case 'failed': {
        const message = `The model '${this.#name}' could not answer: ${report.message}`;
        const asked = this.#answers.get(report.id) ?? this.#vectors.get(report.id) ?? this.#readings.get(report.id);
        return asked?.fail(new TunesmithError('internal', message, { code: 'model_failed' }));
      }
      case 'unloadable':
        this.#unloadable = report.message;
        this.#child.kill('SIGKILL');
        return;
      default:
        throw report satisfies never;
    }
  }

  /** A command that comes too late for a dying process is no loss: `ended` tells everyone. */
  #send(command: RuntimeCommand): void {
    if (this.#child.connected) this.#child.send(command, () => {});
  }
}

/** Ours but for what node-llama-cpp reads, which refuses to load where `CI` is another word than it expects. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => name !== 'CI' && !name.startsWith('NODE_LLAMA_CPP_'));
  return Object.fromEntries(kept);
}
