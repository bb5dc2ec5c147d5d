/** A comparison, a sweep or a learning curve in a thread of its own: what is asked, what it reports, and its end. */

import { type ErrorKind, TunesmithError } from '../domain/errors.ts';
import type { ComparisonRequest } from '../evals/compare/run.ts';
import { startThread } from '../programs.ts';
import type { CurveOptions } from './learning-curve.ts';
import type { SweepPlan } from './sweep.ts';

/** By the type of task. */
export interface Orders {
  readonly compare: Omit<ComparisonRequest, 'elsewhere'>;
  readonly sweep: { readonly plan: SweepPlan; readonly keepModels: boolean };
  readonly learning_curve: Pick<
    CurveOptions,
    'training' | 'validation' | 'values' | 'shares' | 'repeats' | 'metric' | 'task' | 'seed'
  >;
}

export interface Order<Type extends keyof Orders = keyof Orders> {
  readonly type: Type;
  readonly asked: Orders[Type];
  /** What it is called, also in the metadata of its jobs. */
  readonly id: string;
  readonly access: { readonly baseURL: string; readonly apiKey: string };
  /** Where it finds how far it got. */
  readonly folder: string;
  /** Where its report goes. */
  readonly offered: string;
}

export interface Count {
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

export type Report =
  | { readonly note: string; readonly count?: Count }
  | { readonly state: object; readonly count: Count }
  | { readonly result: object }
  | { readonly mistake: { kind: ErrorKind; message: string; param: string | null; code: string | null } }
  | { readonly error: unknown };

export interface Listener {
  onNote(text: string): void;
  onCount(count: Count): void;
  /** What is known so far. */
  onState(state: object): void;
}

const memoryMbMax = 4096;

export async function undertake<Type extends keyof Orders>(
  order: Order<Type>,
  listener: Listener,
  signal: AbortSignal,
): Promise<object> {
  signal.throwIfAborted();
  const thread = startThread('sweep/undertaking-main', order, { maxOldGenerationSizeMb: memoryMbMax });
  let stop = (): void => {};
  try {
    return await new Promise((resolve, reject) => {
      stop = () => reject(signal.reason as Error);
      signal.addEventListener('abort', stop);
      thread.on('message', (report: Report) => {
        if ('result' in report) return resolve(report.result);
        if ('error' in report) return reject(report.error);
        if ('mistake' in report) {
          const { kind, message, ...rest } = report.mistake;
          return reject(new TunesmithError(kind, message, rest));
        }
        if ('note' in report) listener.onNote(report.note);
        else listener.onState(report.state);
        if (report.count !== undefined) listener.onCount(report.count);
      });
      thread.on('error', reject);
      thread.on('exit', (code) => reject(new Error(`The thread that did the work ended with code ${code}.`)));
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await thread.terminate();
  }
}
