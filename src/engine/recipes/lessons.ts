/** How examples become micro-batches, what their losses are means of, and how well a model does on many of them. */

import { packPairs, packStep, type MicroBatch, type RunLimits } from '../../dataset/batch.ts';
import type { TokenizedExample } from '../../dataset/tokenize.ts';
import { noJudgement, type Judgement, type Network } from '../nn/network.ts';
import type { Parent } from '../parent.ts';
import type { Preferences, TrainingPlan, ValidationMetrics } from '../protocol.ts';
import { tellReading } from './reading.ts';

/** Examples judged together: enough to fill rows, few enough to hear a cancellation in between. */
const judgedTogether = 16;

/** Of one plan; see the head of this file. */
export class Lessons {
  readonly #limits: RunLimits;
  /** By how much the model found the better answer likelier before it was trained; null where nothing is compared. */
  readonly #references: ReadonlyMap<TokenizedExample, number> | null;

  private constructor(limits: RunLimits, references: ReadonlyMap<TokenizedExample, number> | null) {
    this.#limits = limits;
    this.#references = references;
  }

  /**
   * The reference of DPO is the model as training found it, so it is asked once, before the first step, and no second
   * model is needed; whoever resumes asks it again before the checkpoint is put back.
   */
  static async prepare(
    plan: TrainingPlan,
    network: Network,
    examples: readonly TokenizedExample[],
    limits: RunLimits,
    parent: Parent,
  ): Promise<Lessons> {
    if (plan.objective?.kind !== 'preference') return new Lessons(limits, null);
    const references = new Map<TokenizedExample, number>();
    const told = tellReading(parent, 'reference');
    for (let i = 0; i < examples.length; i += judgedTogether) {
      await told(2 * i, 2 * examples.length);
      const together = examples.slice(i, i + judgedTogether);
      const sequences = together.flatMap((example) => [...example.pair!.better, ...example.pair!.worse]);
      const leanings = together.flatMap((example) =>
        [...example.pair!.better.map(() => 1), ...example.pair!.worse.map(() => -1)].map((sign) => ({ example, sign })),
      );
      for (const example of together) references.set(example, 0);
      const batches = packStep(sequences, limits);
      for (const [k, { logProbabilities }] of (await network.measure(batches)).entries()) {
        for (const [j, log] of logProbabilities.entries()) {
          const { example, sign } = leanings[batches[k]!.owners![j]!]!;
          references.set(example, references.get(example)! + sign * log);
        }
      }
    }
    await told(2 * examples.length, 2 * examples.length);
    return new Lessons(limits, references);
  }

  pack(examples: readonly TokenizedExample[]): MicroBatch[] {
    const references = this.#references;
    if (references === null) {
      return packStep(
        examples.flatMap(({ sequences }) => sequences),
        this.#limits,
      );
    }
    const pairs = examples.map((example) => ({ ...example.pair!, reference: references.get(example)! }));
    return packPairs(pairs, this.#limits);
  }

  /** Of what a loss is the mean: supervised tokens, or pairs of answers. */
  count(examples: readonly TokenizedExample[]): number {
    return this.#references === null ? sum(examples, ({ targets }) => targets) : examples.length;
  }

  preferences({ preferred, margin }: Judgement, pairs: number): Preferences | undefined {
    return this.#references === null ? undefined : { accuracy: preferred / pairs, margin: margin / pairs };
  }
}

/** Mean loss and accuracy per supervised token, or null without examples. */
export async function judge(
  network: Network,
  examples: readonly TokenizedExample[],
  lessons: Lessons,
  parent: Parent,
  exact = false,
): Promise<ValidationMetrics | null> {
  if (examples.length === 0) return null;
  const byLength = [...examples].sort((a, b) => a.tokens - b.tokens || a.line - b.line);
  let [loss, exactCount] = [0, 0];
  const total = noJudgement();
  for (let i = 0; i < byLength.length; i += judgedTogether) {
    await parent.breathe();
    const together = byLength.slice(i, i + judgedTogether);
    const batches = lessons.pack(together);
    const judgement = await network.evaluate(batches);
    if (exact) exactCount += await countExact(network, batches, together);
    loss += judgement.loss * lessons.count(together);
    total.correct += judgement.correct;
    total.preferred += judgement.preferred;
    total.margin += judgement.margin;
  }
  const targets = sum(examples, (example) => example.targets);
  const mean = {
    loss: loss / lessons.count(examples),
    tokenAccuracy: total.correct / targets,
    preferences: lessons.preferences(total, examples.length),
  };
  return exact ? { ...mean, exactAnswers: exactCount / examples.length } : mean;
}

/** How many examples had nothing but right tokens. */
async function countExact(
  network: Network,
  batches: readonly MicroBatch[],
  examples: readonly TokenizedExample[],
): Promise<number> {
  const exampleOf = examples.flatMap(({ sequences }, example) => sequences.map(() => example));
  const missed = new Set<number>();
  const measured = await network.measure(batches);
  for (const [k, { hits }] of measured.entries()) {
    for (const [i, hit] of hits.entries()) if (hit === 0) missed.add(exampleOf[batches[k]!.owners![i]!]!);
  }
  return examples.length - missed.size;
}

const sum = <T>(items: readonly T[], numberOf: (item: T) => number): number =>
  items.reduce((total, item) => total + numberOf(item), 0);
