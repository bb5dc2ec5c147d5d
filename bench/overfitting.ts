/**
 * `npx tsx bench/overfitting.ts`: learning by heart, shown on real mails, and what is there against it; written into
 * docs/training.md with its curves.
 *
 *   npx tsx bench/overfitting.ts            about ten minutes on two cores
 *   npx tsx bench/overfitting.ts --small    a few mails, to see that it works; writes nothing
 *
 * Two jobs of the same model on the same few mails: one trains on to its last step, the other has dropout, weight decay
 * and early stopping. Both are asked about mails that neither has seen.
 */

import { createReadStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, homedir } from 'node:os';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { connect } from '../src/cli/connection.ts';
import type { Job, JobEvent, StepMetrics } from '../src/domain/job.ts';
import { askAll } from '../src/evals/ask.ts';
import { lossCurves, type LossPoint } from '../src/evals/report/charts.ts';
import { textOf, type TestItem } from '../src/evals/task.ts';
import { BaseModels } from '../src/models/base-models.ts';
import { toJsonl } from '../src/quickstart/labelled.ts';
import { spamSplits } from '../src/quickstart/spam.ts';
import { markdownTable, measuredOn, writeInto } from './page.ts';

const small = process.argv.includes('--small');
const home = process.env['TUNESMITH_HOME'] ?? join(homedir(), '.tunesmith');
const folder = join(home, 'overfitting');
const model = 'all-minilm-l6-v2';
const sizes = small ? { training: 20, validation: 10, test: 6 } : { training: 120, validation: 100, test: 200 };
const epochs = small ? 2 : 20;

const shared = { n_epochs: epochs, batch_size: 8, train: 'full', learning_rate: 2e-4, lr_schedule: 'constant' };
const runs = [
  { name: 'without', title: 'to the last step', more: { weight_decay: 0 } },
  {
    name: 'stopped',
    title: 'with dropout, weight decay and early stopping',
    more: { weight_decay: 0.1, hidden_dropout: 0.1, early_stopping: { patience: 3 } },
  },
] as const;

const { training, validation, test } = spamSplits(sizes, 7);
const items = test.map(({ prompt, label }, i): TestItem => ({
  line: i + 1,
  input: prompt as TestItem['input'],
  reference: { role: 'assistant', content: label },
}));

interface Told {
  readonly points: readonly LossPoint[];
  readonly job: Job;
  readonly words: readonly string[];
  readonly accuracy: number;
}

async function told(openai: OpenAI, { name, more }: (typeof runs)[number]): Promise<Told> {
  const upload = async (part: string, examples: Parameters<typeof toJsonl>[0]): Promise<string> => {
    const path = join(folder, `${part}.jsonl`);
    await writeFile(path, toJsonl(examples));
    return (await openai.files.create({ file: createReadStream(path), purpose: 'fine-tune' })).id;
  };
  const method = { type: 'supervised', supervised: { hyperparameters: { ...shared, ...more } } };
  const body = {
    model,
    method,
    training_file: await upload('train', training),
    validation_file: await upload('validation', validation),
    suffix: `overfitting-${name}`,
    seed: 1,
  };
  console.error(`${name}: a job`);
  let job = await openai.fineTuning.jobs.create(body as OpenAI.FineTuning.JobCreateParams);
  while (!['succeeded', 'failed', 'cancelled'].includes(job.status)) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    job = await openai.fineTuning.jobs.retrieve(job.id);
  }
  if (job.status !== 'succeeded') throw new Error(`${job.id} ${job.status}: ${job.error?.message}`);
  const events: JobEvent[] = [];
  for await (const event of openai.fineTuning.jobs.listEvents(job.id, { limit: 100 })) events.push(event);
  events.reverse();
  console.error(`${name}: ${items.length} questions`);
  let right = 0;
  let at = 0;
  for await (const { answer } of askAll(openai, job.fine_tuned_model!, items, { answerTokensMax: 8 }))
    right += answer !== null && textOf(answer).trim() === test[at++]!.label ? 1 : 0;
  return {
    job: job as unknown as Job,
    points: pointsOf(events.filter(({ type }) => type === 'metrics').map(({ data }) => data as StepMetrics)),
    words: events.map(({ message }) => message).filter((message) => /begins to overfit|Early stopping|becomes the model/.test(message)), // prettier-ignore
    accuracy: right / items.length,
  };
}

/** At each look at the validation set: its loss, and the mean training loss since the look before. */
function pointsOf(steps: readonly StepMetrics[]): LossPoint[] {
  const points: LossPoint[] = [];
  let losses: number[] = [];
  for (const { step, train_loss: train, full_valid_loss: valid } of steps) {
    losses.push(train);
    if (valid === undefined) continue;
    points.push({ step, valid, train: losses.reduce((sum, loss) => sum + loss, 0) / losses.length });
    losses = [];
  }
  return points;
}

const best = (points: readonly LossPoint[]): LossPoint =>
  points.reduce((least, point) => (point.valid! < least.valid! ? point : least));

/** A picture that stands alone, light and dark. */
const standalone = (svg: string): string =>
  svg
    .replace(
      /<svg /,
      '<svg xmlns="http://www.w3.org/2000/svg" font-family="system-ui, sans-serif" font-size="11" width="460" height="300" ',
    )
    .replace(
      '</title>',
      `</title><style>:root { --ink: #667085; --rule: #d9dee7; --paper: #fff; --first: #2563eb; --second: #d97706 } @media (prefers-color-scheme: dark) { :root { --ink: #98a2b3; --rule: #2d3542; --paper: #12161d; --first: #7aa7ff; --second: #f5b454 } } .paper { fill: var(--paper) } text { fill: var(--ink) } .grid { stroke: var(--rule) } .ideal { stroke: var(--ink); stroke-dasharray: 4 4 } polyline { fill: none; stroke-width: 2; stroke-linejoin: round } polyline.first { stroke: var(--first) } polyline.second { stroke: var(--second) } circle.first { fill: var(--first) } circle.second { fill: var(--second) }</style><rect class="paper" width="460" height="300" />`,
    );

await mkdir(folder, { recursive: true });
await (await BaseModels.open(home)).pull(model);
await using house = await connect({ baseUrl: null, apiKey: null, home, env: process.env, training: true });
const found: Told[] = [];
for (const run of runs) found.push(await told(house.openai, run));
const lossMax = Math.max(...found.flatMap(({ points }) => points.flatMap(({ train, valid }) => [train!, valid!])));
const rows = runs.map(({ title }, i) => {
  const { points, accuracy } = found[i]!;
  const [least, last] = [best(points), points.at(-1)!];
  const chosen = i === 0 ? last : least;
  return [title, String(last.step), String(chosen.step), chosen.train!.toFixed(3), chosen.valid!.toFixed(3), `${(100 * accuracy).toFixed(1)} %`]; // prettier-ignore
});
const head = [
  '',
  'steps made',
  'the model is of step',
  'training loss',
  'validation loss',
  `${items.length} other mails`,
];
const pictures = runs.map(({ name, title }) => `![Loss by step, ${title}](overfitting-${name}.svg)`);
const quotes = found.flatMap(({ words }, i) => words.map((word) => `> ${runs[i]!.title}: ${word}`));
const text = [
  pictures.join(' '),
  `Blue is the training loss, orange the validation loss: ${runs.map(({ title }) => title).join('; ')}.`,
  markdownTable([head, ...rows]),
  quotes.join('\n>\n'),
  measuredOn(cpus()[0]!.model, availableParallelism()),
].join('\n\n');
console.log(text);
for (const [i, { name }] of runs.entries()) {
  const { points } = found[i]!;
  const mark = { step: best(points).step, title: 'lowest validation loss' };
  const path = small ? join(folder, `${name}.svg`) : join(import.meta.dirname, `../docs/overfitting-${name}.svg`);
  await writeFile(path, `${standalone(lossCurves(points, { mark, lossMax }).html)}\n`);
}
if (!small) await writeInto('training.md', 'overfitting', text);
