/**
 * Every way of training beside PyTorch: LoRA, full, frozen and DPO, of three families, on short and on long examples.
 *
 *   npm run bench -- training                        all races, each with every precision that either side has
 *   npm run bench -- training lora-short gpt2-full   only these
 *   npm run bench -- training tables                 measures nothing, writes the table anew
 *   npm run bench -- training --small                two steps of two examples each, to see that everything works
 *
 * The contestants of a race run one after the other, `BENCH_ROUNDS` times (one unless told otherwise), and the median
 * step counts. How a race ended is a line of bench/results/races.jsonl for each precision of ours, from which the table
 * against the goals is made: races of different runs stand in it, the sides of one race are always of one run.
 */

import { mkdtemp, writeFile } from 'node:fs/promises';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { BaseModels } from '../src/models/base-models.ts';
import { executedFlops } from './flops.ts';
import { frozenLayers } from './frozen.ts';
import { Ledger } from './ledger.ts';
import { textsOf } from './material.ts';
import { markdownTable, measuredOn, writeInto } from './page.ts';
import { makeGpt2, setUpPeer } from './peer.ts';
import type { Place } from './place.ts';
import { ours, prepare, theirs, type Precision, type Race, type Ready, type Run, type Runner } from './race.ts';
import { sgemmGflops } from './sgemm.ts';
import { plainTable } from './table.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 1);

const reference = 'smollm2-135m-instruct';
const gpt2 = 'gpt2-124m-random';
const minilm = 'all-minilm-l6-v2';

const short = { material: 'short', batchSize: 8, steps: 12 } as const;
const long = { batchSize: 2, steps: 6 } as const;

/** In int8 three times PyTorch on few supervised tokens and twice on full rows, 1.2 times in exact f32 and in full. */
const fewSupervised = { int8: 3, f32: 1.2 };
const fullRows = { int8: 2, f32: 1.2 };
const exact = { f32: 1.2 };

export const races: readonly Race[] = [
  { name: 'lora-short', model: reference, method: 'lora', ...short, goals: fewSupervised },
  { name: 'full-short', model: reference, method: 'full', ...short, goals: exact },
  { name: 'last-short', model: reference, method: 'last_layers(4)', ...short, goals: fewSupervised },
  { name: 'head-short', model: reference, method: 'head', ...short, goals: fewSupervised },
  { name: 'dpo-short', model: reference, method: 'dpo', ...short, material: 'pairs', batchSize: 4, goals: fewSupervised }, // prettier-ignore
  { name: 'lora-long', model: reference, method: 'lora', ...long, material: 'long', goals: fewSupervised },
  { name: 'lora-writing', model: reference, method: 'lora', ...long, material: 'writing', goals: fullRows },
  { name: 'full-writing', model: reference, method: 'full', ...long, material: 'writing', goals: exact },
  { name: 'gpt2-lora', model: gpt2, method: 'lora', ...short, goals: fewSupervised },
  { name: 'gpt2-full', model: gpt2, method: 'full', ...short, goals: exact },
  { name: 'gpt2-full-writing', model: gpt2, method: 'full', ...long, material: 'writing', goals: exact },
  { name: 'minilm-head', model: minilm, method: 'head', ...short, batchSize: 16, goals: fewSupervised },
  { name: 'minilm-full', model: minilm, method: 'full', ...short, batchSize: 16, goals: exact },
];

export async function benchTraining(place: Place, words: readonly string[] = []): Promise<void> {
  const small = words.includes('--small');
  const asked = words.filter((word) => word !== '--small');
  const known = [...races.map(({ name }) => name), 'frozen', 'tables'];
  const unknown = asked.find((word) => !known.includes(word));
  if (unknown !== undefined) throw new Error(`Found "${unknown}"; there are ${known.join(', ')}.`);
  if (asked.includes('tables')) await writeRaces(place.threads);
  const chosen = races.filter(({ name }) => asked.length === 0 || asked.includes(name));
  if (chosen.length > 0) await setUpPeer();
  const stable = new Stable(place, small);
  for (const race of chosen) {
    const shorter = small ? { ...race, batchSize: 2, steps: 2 } : race;
    const verdicts = await compete(shorter, await stable.runner(race.model), place);
    if (small) continue;
    for (const verdict of verdicts) ledger.add(verdict);
    await writeRaces(place.threads);
  }
  if (chosen.length > 0 && !small) console.log(`Against the goals:\n\n${goalTable(ledger.lines(), place.threads)}\n`);
  if (asked.length === 0 || asked.includes('frozen')) await frozenLayers(place, small);
}

const writeRaces = (threads: number): Promise<void> =>
  writeInto('performance.md', 'races', goalTable(ledger.lines(), threads));

/** The models of the races; one that nobody has is made. */
class Stable {
  readonly #place: Place;
  readonly #small: boolean;
  readonly #runners = new Map<string, Runner>();

  constructor(place: Place, small: boolean) {
    this.#place = place;
    this.#small = small;
  }

  async runner(model: string): Promise<Runner> {
    const known = this.#runners.get(model);
    if (known !== undefined) return known;
    const made = model === gpt2 ? await this.#gpt2() : { base: await this.#pulled(model) };
    this.#runners.set(model, made);
    return made;
  }

  async #pulled(model: string) {
    const home = process.env['TUNESMITH_HOME'] ?? join(homedir(), '.tunesmith');
    return await (await BaseModels.open(home)).pull(model);
  }

  async #gpt2(): Promise<Runner> {
    process.stderr.write('GPT-2 of 124M parameters: making it at random\n');
    const folder = join(this.#place.folder, gpt2);
    const texts = join(this.#place.folder, 'texts.txt');
    await writeFile(texts, textsOf(this.#small ? 100_000 : 1_200_000));
    await makeGpt2(texts, folder, this.#small);
    const bases = await BaseModels.open(join(this.#place.folder, 'home'));
    return { base: await bases.pull(folder, { id: gpt2 }), peerModel: folder };
  }
}

interface Contestant {
  readonly side: 'ours' | 'theirs';
  readonly title: string;
  readonly precision: Precision | 'bf16';
  readonly run: (round: number) => Promise<Run & { sgemmGflops?: number }>;
}

const contestantsOf = (ready: Ready): Contestant[] => [
  ...(['int8', 'f32'] as const)
    .filter((precision) => precision in ready.race.goals)
    .map((precision): Contestant => ({
      side: 'ours',
      title: `Tunesmith, ${precision}${precision === 'int8' ? ' base' : ''}`,
      precision,
      run: async (round) => await ours(ready, precision, round),
    })),
  ...(['bf16', 'f32'] as const).map((precision): Contestant => ({
    side: 'theirs',
    title: `PyTorch, ${precision}`,
    precision,
    run: async () => await theirs(ready, precision),
  })),
];

interface Standing extends Pick<Contestant, 'side' | 'title' | 'precision'> {
  readonly stepSeconds: number;
  readonly peakRssBytes: number;
  readonly firstStepSeconds: number;
  readonly validationLoss: number;
}

const verdictSchema = z.strictObject({
  race: z.string(),
  precision: z.enum(['f32', 'int8', 'int4']),
  tokensPerSecond: z.number(),
  /** Of what PyTorch needed in its fastest precision, which is `theirs`. */
  ratio: z.number(),
  theirs: z.string(),
  /** Our peak as a share of that of PyTorch's fastest. */
  memoryRatio: z.number(),
  validationLoss: z.number(),
  /** Median steps count, of so many runs. */
  rounds: z.int(),
  day: z.string(),
});

type Verdict = z.infer<typeof verdictSchema>;

const ledger = new Ledger(
  join(import.meta.dirname, 'results/races.jsonl'),
  verdictSchema,
  ({ race, precision }) => `${race} ${precision}`,
);

async function compete(race: Race, runner: Runner, place: Place): Promise<Verdict[]> {
  const folder = await mkdtemp(join(place.folder, `${race.name}-`));
  const ready = await prepare(race, runner, folder, place.threads);
  const contestants = contestantsOf(ready);
  const runs = new Map<Contestant, Run[]>();
  let peakGflops = await sgemmGflops(place.threads);
  for (let round = 1; round <= rounds; round++) {
    for (const contestant of contestants) {
      process.stderr.write(`${race.name}, round ${round} of ${rounds}: ${contestant.title} `);
      const done = await contestant.run(round);
      peakGflops = Math.max(peakGflops, done.sgemmGflops ?? 0);
      process.stderr.write(` ${medianStep([done], race).toFixed(2)} s a step\n`);
      runs.set(contestant, [...(runs.get(contestant) ?? []), done]);
    }
  }
  const standings = [...runs].map(([{ side, title, precision }, all]): Standing => ({
    side,
    title,
    precision,
    stepSeconds: medianStep(all, race),
    peakRssBytes: Math.max(...all.map((run) => run.peakRssBytes)),
    firstStepSeconds: Math.min(...all.map((run) => run.firstStepSeconds)),
    validationLoss: all[0]!.validationLoss,
  }));
  console.log(`${heading(ready)}\n${raceTable(ready, standings, runner, peakGflops)}\n`);
  return verdictsOf(ready, standings);
}

/** What frozen layers read once is for all epochs; three are usual. */
const epochs = 3;

/**
 * Steps in which caches fill and kernels are chosen count for nobody. What was read once before the first counts in all
 * of them: a part for each step of three epochs.
 */
function medianStep(all: readonly Run[], { steps }: Race): number {
  const warmUp = Math.min(3, steps >> 1);
  const shared = (run: Run): number => (run.readSeconds ?? 0) / (epochs * steps);
  const sorted = all
    .flatMap((run) => run.stepSeconds.slice(warmUp).map((seconds) => seconds + shared(run)))
    .sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

const heading = ({ race, tokensPerStep, targetsPerStep }: Ready): string =>
  `${race.name}: ${race.model}, ${race.method}, ${race.steps} steps of ${race.batchSize} ` +
  `(${race.material}, ${tokensPerStep.toFixed(0)} tokens a step, ${targetsPerStep.toFixed(0)} supervised), median step.`;

function raceTable(ready: Ready, standings: readonly Standing[], { base }: Runner, peakGflops: number): string {
  const { plan, race, examples } = ready;
  // What arithmetic is needed is written down for LoRA on the reference model's shape only.
  const flops =
    plan.train.mode === 'lora' && race.model === reference && race.method === 'lora'
      ? executedFlops(base.architecture, plan.train, examples) / race.steps
      : null;
  const table = plainTable(['', 'tokens/s', 'supervised/s', 'peak RSS', '% of SGEMM', 'first step', 'validation loss']);
  for (const { title, stepSeconds, peakRssBytes, firstStepSeconds, validationLoss } of standings) {
    table.push([
      title,
      (ready.tokensPerStep / stepSeconds).toFixed(0),
      (ready.targetsPerStep / stepSeconds).toFixed(1),
      `${(peakRssBytes / 1e9).toFixed(2)} GB`,
      flops === null ? '' : `${((100 * flops) / stepSeconds / 1e9 / peakGflops).toFixed(0)} %`,
      `${firstStepSeconds.toFixed(1)} s`,
      validationLoss.toFixed(4),
    ]);
  }
  return table.toString();
}

/** Each of our precisions beside whichever of PyTorch's was fastest. */
function verdictsOf({ race, tokensPerStep }: Ready, standings: readonly Standing[]): Verdict[] {
  const best = standings
    .filter(({ side }) => side === 'theirs')
    .reduce((fastest, each) => (each.stepSeconds < fastest.stepSeconds ? each : fastest));
  return standings
    .filter(({ side }) => side === 'ours')
    .map(({ precision, stepSeconds, peakRssBytes, validationLoss }) => ({
      race: race.name,
      precision: precision as Precision,
      tokensPerSecond: rounded(tokensPerStep / stepSeconds, 1),
      ratio: rounded(best.stepSeconds / stepSeconds, 3),
      theirs: best.precision,
      memoryRatio: rounded(peakRssBytes / best.peakRssBytes, 3),
      validationLoss: rounded(validationLoss, 4),
      rounds,
      day: new Date().toISOString().slice(0, 10),
    }));
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

/** Every race that was run, in the order of the list. */
function goalTable(verdicts: readonly Verdict[], threads: number): string {
  const head = ['race', 'model', 'learns', 'precision', 'tokens/s', 'PyTorch', 'times', 'goal', 'memory', ''];
  const rows = races.flatMap(({ name, model, method, goals }) =>
    verdicts
      .filter(({ race, precision }) => race === name && goals[precision] !== undefined)
      .map(({ precision, tokensPerSecond, ratio, memoryRatio, theirs: best }) => {
        const goal = goals[precision]!;
        const missed = [ratio < goal && 'slower', memoryRatio > 1 && 'more memory'].filter((word) => word !== false);
        return [
          name,
          model,
          method,
          precision,
          tokensPerSecond.toFixed(0),
          `${(tokensPerSecond / ratio).toFixed(0)} (${best})`,
          ratio.toFixed(2),
          goal.toFixed(1),
          `${(100 * memoryRatio).toFixed(0)} %`,
          missed.length === 0 ? '**reached**' : missed.join(', '),
        ];
      }),
  );
  return `${markdownTable([head, ...rows])}\n\nMedian step; what frozen layers read once is shared out over three epochs. ${measuredOn(cpus()[0]!.model, threads)}`;
}
