/**
 * Which base model to train on a file, with the reasons: what the answers are, how many examples there are, what
 * fits into this machine, and how long it would take.
 *
 * A model that was made to answer beats one that was not, and a larger one beats a smaller, as long as it fits and is
 * done in about an hour. An encoder, which can do nothing but tell labels apart, is named beside it where the answers
 * are labels. Where the speed of this machine is not known, time is only reckoned here, from the number of parameters,
 * and told as such.
 */

import type { Recommendation } from '../domain/estimate.ts';
import type { TrainingPlan } from '../engine/protocol.ts';
import { isEncoder } from '../families/table.ts';
import { catalogue } from '../models/catalogue.ts';
import { targetsOfBase } from '../models/adapter.ts';
import type { BaseModels } from '../models/base-models.ts';
import type { BaseModel } from '../models/manifest.ts';
import { Fingerprints } from '../dataset/fingerprints.ts';
import type { ValidationReport } from '../dataset/validate.ts';
import { forecastOf } from './forecast.ts';
import type { FileReports } from './job-files.ts';
import { memoryLimit } from './memory.ts';
import { resolveHyperparameters, toPlan } from './plan.ts';
import { askedMethod, type JobRequest } from './request.ts';

interface Machine {
  readonly bases: BaseModels;
  readonly home: string;
  readonly threads: number;
}

interface Candidate {
  readonly base: BaseModel;
  readonly encoder: boolean;
  readonly fits: boolean;
  readonly memoryBytes: number;
  readonly seconds: number;
  readonly measured: boolean;
  readonly score: number;
}

/** People wait about so long for a first result. */
const patienceSeconds = 3600;
/** What a core does in a second of training, at a guess: about half of what was measured (docs/performance.md). */
const flopsPerThread = { exact: 80e9, rounded: 150e9 };
const bytesPerToken = 4;
const tokensPerExample = 128;
/** Forward and backward, per parameter and token. */
const flopsPerParameter = 6;

/** What is known of a file before it is read, by its size: enough to begin with a model that will probably do. */
export function guessedReports(sizeBytes: number): FileReports {
  const tokens = Math.ceil(sizeBytes / bytesPerToken);
  const examples = Math.max(1, Math.round(tokens / tokensPerExample));
  const training: ValidationReport = {
    ok: true,
    examples,
    tokens,
    supervisedTokens: Math.ceil(tokens / 4),
    longestTokens: 2 * tokensPerExample,
    lengths: new Map([[tokensPerExample, examples]]),
    truncatedLines: [],
    warnings: [],
    errors: [],
    errorCount: 0,
    failure: null,
    fingerprints: new Fingerprints(),
    answers: null,
  };
  return { training, validation: null, data: null, head: null, note: null };
}

export async function recommend(
  machine: Machine,
  reports: FileReports,
  scale: number,
  request: JobRequest,
): Promise<Recommendation> {
  const { training } = reports;
  const labels = reports.head?.labels.length ?? training.answers?.length ?? null;
  const onlyText = reports.data !== null || askedMethod(request) === 'dpo' || labels === null;
  const trainable = machine.bases.list().filter(({ architecture }) => architecture.servingOnly === null);
  const usable = trainable.filter((base) => !(onlyText && isEncoder(base)));
  const candidates = await Promise.all(usable.map((base) => weigh(machine, base, reports, scale, request)));
  const sorted = candidates.sort((a, b) => b.score - a.score);
  const best = sorted.find(({ fits }) => fits);
  const others = sorted.filter((each) => each !== best).slice(0, 5);
  return {
    model: best?.base.id ?? null,
    reasons: best === undefined ? ['No base model of this machine fits into its memory.'] : reasonsOf(best, labels),
    others: others.map((each) => ({ model: each.base.id, reasons: reasonsOf(each, labels) })),
    fetch: best === undefined ? worthFetching(machine) : null,
  };
}

async function weigh(
  { home, threads }: Machine,
  base: BaseModel,
  { training, head }: FileReports,
  scale: number,
  request: JobRequest,
): Promise<Candidate> {
  const encoder = isEncoder(base);
  const examples = Math.round(training.examples * scale);
  const labelled = head ?? ({ task: 'classification', labels: [...(training.answers ?? [])], form: null, pooling: 'first' } as const); // prettier-ignore
  const ownHead = encoder ? labelled : null;
  const auto = { n_epochs: 'auto', batch_size: 'auto', learning_rate_multiplier: 'auto' } as const;
  const resolved = resolveHyperparameters(auto, {
    examples,
    longestTokens: training.longestTokens,
    contextTokens: base.contextTokens,
    targets: targetsOfBase(base),
    initialAdapter: null,
    head: ownHead,
    method: askedMethod(request),
  });
  const places = { initialAdapter: null, trainingFile: '', validationFile: null, threads, snapshotSeconds: 60 };
  const model = { id: base.id, path: base.path, sha256: base.sha256 };
  const plan = toPlan({ id: 'estimate', seed: 0 }, resolved, { ...places, model }, { head: ownHead });
  const forecast = await forecastOf(home, base, plan, resolved.train, { training, validation: null });
  const reckoned = reckonedSeconds(base, training.tokens * scale * resolved.n_epochs, plan);
  const seconds = forecast.seconds === null ? reckoned : forecast.seconds * scale;
  const fits = forecast.memoryBytes <= memoryLimit();
  const facts = {
    base,
    encoder,
    fits,
    memoryBytes: forecast.memoryBytes,
    seconds,
    measured: forecast.seconds !== null,
  };
  return { ...facts, score: scoreOf(facts) };
}

/** A guess where nothing was measured; `tokens` of all epochs. */
export function reckonedSeconds({ parameters }: BaseModel, tokens: number, plan: TrainingPlan): number {
  const { threads, basePrecision } = plan;
  const speed = threads * flopsPerThread[basePrecision === 'f32' ? 'exact' : 'rounded'];
  return Math.ceil((flopsPerParameter * parameters * tokens) / speed);
}

/** Larger models first, then faster ones, once an hour is not enough; what does not fit comes last. */
function scoreOf({ base, encoder, fits, seconds }: Omit<Candidate, 'score'>): number {
  const size = Math.log2(base.parameters);
  const late = Math.max(0, Math.log2(seconds / patienceSeconds));
  const plain = !encoder && !talks(base) ? 2 : 0;
  const narrow = encoder ? 3 : 0;
  return size - 4 * late - plain - narrow - (fits ? 0 : 1000);
}

/** Whether it was made to answer people, as far as its name tells. */
const talks = ({ id, name }: BaseModel): boolean => /instruct|chat|[-_ ]it\b|qwen3/i.test(`${id} ${name}`);

function reasonsOf(
  { base, encoder, fits, memoryBytes, seconds, measured }: Candidate,
  labels: number | null,
): string[] {
  const size = `${millions(base.parameters)} million parameters`;
  if (!fits)
    return [
      `With ${size} it would need ${gigabytes(memoryBytes)} of memory; this machine grants ${gigabytes(memoryLimit())}.`,
    ];
  const kind = encoder
    ? `It reads a text and names one of your ${labels ?? 'few'} labels, and can do nothing else; for that it is small and quick.`
    : talks(base)
      ? `It was made to answer instructions, so it needs few examples to learn how you want them answered.`
      : `It was made to continue text and not to answer, so it needs more examples.`;
  const time = measured
    ? `Training would take about ${inWords(seconds)} here.`
    : `Reckoned from its size, training would take something like ${inWords(seconds)} here.`;
  const held =
    labels !== null && !encoder ? [`All answers are one of ${labels}; it can be held to them when it is asked.`] : [];
  return [kind, ...held, `With ${size} it fits into memory (${gigabytes(memoryBytes)} of ${gigabytes(memoryLimit())}).`, time]; // prettier-ignore
}

/** The smallest that talks. */
function worthFetching({ bases }: Machine): Recommendation['fetch'] {
  const here = new Set(bases.list().map(({ id }) => id));
  const [entry] = catalogue
    .filter(({ id, servingOnly, template }) => servingOnly === null && template !== 'none' && !here.has(id))
    .sort((a, b) => a.parameters - b.parameters);
  if (entry === undefined) return null;
  const reason = `${entry.name} is small, was made to answer instructions, and trains on any machine.`;
  return { model: entry.id, size_bytes: entry.sizeBytes, reason };
}

const millions = (count: number): string =>
  count < 1e7 ? String(Number((count / 1e6).toPrecision(2))) : Math.round(count / 1e6).toLocaleString('en');
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

function inWords(seconds: number): string {
  if (seconds < 1.5) return 'a second';
  if (seconds < 90) return `${Math.round(seconds)} seconds`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
  return `${(seconds / 3600).toFixed(seconds < 36_000 ? 1 : 0)} hours`;
}
