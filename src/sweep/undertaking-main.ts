/**
 * A thread that compares models, sweeps or draws a learning curve for a task.
 *
 * All three ask a server through the official SDK and read and write files; what they compute in between (cutting a
 * data set, drawing questions anew a thousand times) would hold up whoever serves meanwhile. The server hears how
 * things stand and what came out, and ends the thread when nobody wants it any more.
 */

import { setMaxListeners } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import OpenAI from 'openai';
import { TunesmithError } from '../domain/errors.ts';
import { caption, comparisonHtml } from '../evals/compare/report.ts';
import { compareResult } from '../evals/compare/result.ts';
import { runComparison } from '../evals/compare/run.ts';
import type { View } from '../evals/view.ts';
import { curveHtml } from './curve-report.ts';
import { runLearningCurve } from './learning-curve.ts';
import { sweepHtml } from './report.ts';
import { curveResult, sweepResult } from './results.ts';
import { runSweep } from './sweep.ts';
import type { Order, Orders, Report } from './undertaking.ts';

const { type, access, folder, offered, id, asked } = workerData as Order;
const openai = new OpenAI(access);
const { signal } = new AbortController();
setMaxListeners(0, signal);

const notes: string[] = [];
const view: View = {
  note: (text) => {
    notes.push(text.trim());
    report({ note: text.trim() });
  },
  live: (text) => text !== '' && report({ note: text.trim() }),
  asked: (who, done, total) => report({ note: who === null ? 'Asking' : `Asking ${who}`, count: { done, total, unit: 'questions' } }), // prettier-ignore
};

const common = { openai, server: 'this machine', answersFolder: join(folder, 'answers'), signal, view };
const trainings = { ...common, id, folder, fresh: false, retry: false };
const reportPath = join(offered, 'report.html');

const works: { readonly [Type in keyof Orders]: (asked: Orders[Type]) => Promise<object> } = {
  compare: async (request) => {
    const run = await runComparison({ ...common, isHere: true, isOurs: true }, { ...request, elsewhere: [] });
    const { compared, answersOf, train, leaked } = run;
    const facts = { compared, answersOf, train, leaked: leaked.size, caption: caption(compared, request) };
    await writeFile(reportPath, comparisonHtml({ ...facts, test: request.testName, createdAt: new Date() }));
    return compareResult(run, { there: request.there, notes });
  },
  sweep: async ({ plan, keepModels }) => {
    const state = await runSweep({
      ...trainings,
      plan,
      keepModels,
      onState: (now) => {
        const done = now.trials.reduce((sum, { results }) => sum + results.length, 0);
        const total = now.rungs.reduce((sum, rung) => sum + rung.trials, 0);
        report({ state: sweepResult(now), count: { done, total, unit: 'trainings' } });
      },
    });
    await writeFile(reportPath, sweepHtml(state, new Date()));
    return sweepResult(state);
  },
  learning_curve: async (wishes) => {
    const curve = await runLearningCurve({
      ...trainings,
      ...wishes,
      onState: (now) => {
        const done = now.points.filter(({ measured, reason }) => measured !== null || reason !== null).length;
        report({ state: curveResult(now), count: { done, total: now.points.length, unit: 'trainings' } });
      },
    });
    await writeFile(reportPath, curveHtml(curve, new Date()));
    return curveResult(curve);
  },
};

const work = works[type] as (asked: Order['asked']) => Promise<object>;
work(asked).then(
  (result) => report({ result }),
  (error: unknown) => {
    if (!(error instanceof TunesmithError)) return report({ error });
    const { kind, message, param, code } = error;
    return report({ mistake: { kind, message, param, code } });
  },
);

function report(message: Report): void {
  parentPort!.postMessage(message);
}
