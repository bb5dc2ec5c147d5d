/** A real trainer process on a real job folder, with its events as they come. */

import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import {
  protocolVersion,
  type TrainerCommand,
  type TrainerEvent,
  type TrainingPlan,
} from '../../src/engine/protocol.ts';
import { programArguments } from '../../src/programs.ts';
import type { TemporaryFolder } from '../formats/folder.ts';
import { writeTinyLlama } from '../tiny-model.ts';

export type EventOf<T extends TrainerEvent['type']> = Extract<TrainerEvent, { type: T }>;

/** How a trainer ended: its exit code or signal, and everything it said. */
export interface Ending {
  readonly exit: number | NodeJS.Signals;
  readonly events: readonly TrainerEvent[];
  readonly complaints: string;
}

export class TestTrainer implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #events: TrainerEvent[] = [];
  readonly #ending: Promise<Ending>;
  #onEvent: () => void = () => undefined;

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    child.stdin.on('error', () => undefined);
    const lines = createInterface({ input: child.stdout });
    // Whatever is not a protocol line on stdout fails here.
    lines.on('line', (line) => {
      this.#events.push(JSON.parse(line) as TrainerEvent);
      this.#onEvent();
    });
    const complaints = text(child.stderr);
    this.#ending = once(child, 'close').then(async () => {
      this.#onEvent();
      return { exit: child.signalCode ?? child.exitCode!, events: this.#events, complaints: await complaints };
    });
  }

  /** Writes the plan, if one is given, and starts a trainer on the folder; `shell` is run before it in its shell. */
  static async launch(jobFolder: string, plan: TrainingPlan | null, shell = ':'): Promise<TestTrainer> {
    await mkdir(jobFolder, { recursive: true });
    if (plan !== null) await writeFile(join(jobFolder, 'plan.json'), JSON.stringify(plan));
    const command = [process.execPath, ...programArguments('engine/main'), jobFolder];
    const child = spawn('bash', ['-c', `${shell}; exec "$@"`, 'bash', ...command], { stdio: ['pipe', 'pipe', 'pipe'] });
    return new TestTrainer(child);
  }

  /** Waits for it to leave by itself. */
  get ending(): Promise<Ending> {
    return this.#ending;
  }

  /** Waits until this step was told. */
  async reaches(step: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#onEvent = () => {
        if (this.#events.some((event) => event.type === 'step' && event.step >= step)) resolve();
        else if (this.#child.exitCode !== null) reject(new Error(`the trainer left before step ${step}`));
      };
      this.#onEvent();
    });
  }

  ask(command: TrainerCommand): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** What a dying parent does to it. */
  orphan(): void {
    this.#child.stdin.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ending;
  }
}

/** Runs a plan to its end. */
export async function train(jobFolder: string, plan: TrainingPlan | null, shell?: string): Promise<Ending> {
  await using trainer = await TestTrainer.launch(jobFolder, plan, shell);
  return await trainer.ending;
}

export function eventsOf<T extends TrainerEvent['type']>(ending: Ending, type: T): EventOf<T>[] {
  return ending.events.filter((event): event is EventOf<T> => event.type === type);
}

/** The last word, which must be of this type and the only one. */
export function lastWord<T extends 'done' | 'paused' | 'cancelled' | 'failed'>(ending: Ending, type: T): EventOf<T> {
  const words = ending.events.filter((event) => ['done', 'paused', 'cancelled', 'failed'].includes(event.type));
  expect(
    words.map((word) => word.type),
    ending.complaints,
  ).toEqual([type]);
  expect(ending.events.at(-1)).toBe(words[0]);
  return words[0] as EventOf<T>;
}

const chatLine = (question: string, answer: string): string =>
  JSON.stringify({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  });

export const lora = {
  mode: 'lora',
  rank: 4,
  alpha: 8,
  rslora: false,
  dropout: 0.1,
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
} as const;

/**
 * A tiny model with twelve examples to learn and five to be judged by, in this folder, and a plan for them:
 * 12 examples in batches of 5 are 3 steps an epoch, 9 in all, with a snapshot after each.
 */
export async function tinyJob(folder: TemporaryFolder): Promise<TrainingPlan> {
  const answers = [
    'red',
    'blue',
    'green',
    'a cat',
    'the sea',
    'no',
    'yes',
    'ten',
    'me',
    'night',
    'an old song',
    'rain',
  ];
  const training = answers.map((answer, i) => chatLine(`What is ${i}?`, answer));
  const validation = answers.slice(0, 5).map((answer, i) => chatLine(`Say ${i}!`, answer));
  await writeTinyLlama(folder.file('model.gguf'));
  await writeFile(folder.file('train.jsonl'), training.join('\n'));
  await writeFile(folder.file('valid.jsonl'), validation.join('\n'));
  return {
    version: protocolVersion,
    recipe: 'supervised',
    jobId: 'ftjob-test',
    model: { id: 'tiny', path: folder.file('model.gguf'), sha256: '' },
    initialAdapter: null,
    trainingFile: folder.file('train.jsonl'),
    validationFile: folder.file('valid.jsonl'),
    seed: 11,
    epochs: 3,
    batchSize: 5,
    learningRate: 1e-2,
    schedule: 'cosine',
    warmupRatio: 0.1,
    weightDecay: 0.01,
    gradientNormMax: 1,
    train: lora,
    tokensMax: 128,
    evaluationInterval: 2,
    snapshotSeconds: 0,
    basePrecision: 'f32',
    threads: 1,
  };
}

/** Steps without the time they took, which differs from run to run. */
export const stepsOf = (ending: Ending): EventOf<'step'>[] =>
  eventsOf(ending, 'step').map((step) => ({ ...step, elapsedMs: 0 }));
