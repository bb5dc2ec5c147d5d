/**
 * Whether a held-out file is of the same kind as the training file: lengths, labels, languages and words compared.
 *
 * A difference is told when it is too large for chance (p < 0.001) and large enough to matter: Kolmogorov and
 * Smirnov's D of lengths from 0.15, Cramér's V of labels, languages and word use from 0.15.
 */

import { AnswerSet } from './answer-set.ts';
import { finding, ownCopy, percent, type DataRole, type Detector, type Finding, type Observed } from './finding.ts';
import type { LanguageReader } from './language.ts';
import { Lengths, median } from './outliers.ts';
import { chiSquared, kolmogorovSmirnov, type Comparison } from './significance.ts';

const chance = 0.001;
const effectMin = 0.15;
const examplesMin = 20;
const wordsMax = 50_000;
const wordsShown = 5;

interface Profile {
  readonly prompts: Lengths;
  readonly answers: Lengths;
  readonly labels: AnswerSet;
  readonly languages: Map<string, number>;
  /** In how many examples a word is. */
  readonly words: Map<string, number>;
}

export class Drift implements Detector {
  readonly #reader: LanguageReader;
  readonly #profiles = new Map<DataRole, Profile>();

  constructor(reader: LanguageReader) {
    this.#reader = reader;
  }

  see({ file, parts }: Observed): void {
    const profile = this.#profileOf(file);
    profile.prompts.add(parts.prompt.length);
    profile.answers.add(parts.answer.length);
    profile.labels.add(parts.answer);
    const language = this.#reader.languageOf(`${parts.prompt}\n${parts.answer}`);
    if (language !== null) add(profile.languages, language);
    for (const word of new Set(
      parts.prompt
        .slice(0, 4000)
        .toLowerCase()
        .match(/\p{L}{3,}/gu),
    )) {
      const count = profile.words.get(word);
      if (count !== undefined) profile.words.set(word, count + 1);
      else if (profile.words.size < wordsMax) profile.words.set(ownCopy(word), 1);
    }
  }

  #profileOf(file: DataRole): Profile {
    let profile = this.#profiles.get(file);
    if (profile === undefined) {
      profile = {
        prompts: new Lengths(),
        answers: new Lengths(),
        labels: new AnswerSet(),
        languages: new Map(),
        words: new Map(),
      };
      this.#profiles.set(file, profile);
    }
    return profile;
  }

  findings(): Finding[] {
    const training = this.#profiles.get('training');
    if (training === undefined || training.prompts.count < examplesMin) return [];
    return [...this.#profiles].flatMap(([file, profile]) =>
      file === 'training' || profile.prompts.count < examplesMin ? [] : compare(file, training, profile),
    );
  }
}

function compare(file: DataRole, training: Profile, held: Profile): Finding[] {
  const [ours, theirs] = [training.labels.labels(), held.labels.labels()];
  return [
    ...lengths(file, 'prompts', training.prompts, held.prompts),
    ...(ours === null || theirs === null
      ? lengths(file, 'answers', training.answers, held.answers)
      : counts(file, 'labels', ours, theirs)),
    ...counts(file, 'languages', training.languages, held.languages),
    ...wordUse(file, training, held),
  ];
}

function lengths(file: DataRole, what: string, training: Lengths, held: Lengths): Finding[] {
  const test = kolmogorovSmirnov(training.values(), held.values());
  const [usual, here] = [median(training.values()), median(held.values())];
  return drift(file, test, {
    test: 'Kolmogorov-Smirnov D',
    message: `The ${what} of the ${file} file differ in length from the training file's: ${Math.round(here)} characters in the middle, ${Math.round(usual)} there`,
  });
}

function counts(
  file: DataRole,
  what: string,
  training: ReadonlyMap<string, number>,
  held: ReadonlyMap<string, number>,
): Finding[] {
  const names = [...new Set([...training.keys(), ...held.keys()])];
  const table = names.map((name) => [training.get(name) ?? 0, held.get(name) ?? 0] as const);
  const [totalA, totalB] = table.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0]);
  if (totalA === 0 || totalB === 0) return [];
  const furthest = names
    .map((name, i) => ({ name, there: table[i]![0] / totalA, here: table[i]![1] / totalB }))
    .sort((a, b) => Math.abs(b.here - b.there) - Math.abs(a.here - a.there))[0]!;
  return drift(file, chiSquared(table), {
    test: "chi-squared, Cramér's V",
    message: `The ${what} of the ${file} file are spread otherwise than the training file's: ${JSON.stringify(furthest.name)} is ${percent(furthest.here)} here, ${percent(furthest.there)} there`,
  });
}

/** Each word by a test of its own, held to a chance that is divided by the number of words (Bonferroni). */
function wordUse(file: DataRole, training: Profile, held: Profile): Finding[] {
  const [totalA, totalB] = [training.prompts.count, held.prompts.count];
  const names = new Set([...training.words.keys(), ...held.words.keys()]);
  const odd: { readonly word: string; readonly here: number; readonly there: number; readonly test: Comparison }[] = [];
  for (const word of names) {
    const [a, b] = [training.words.get(word) ?? 0, held.words.get(word) ?? 0];
    const test = chiSquared([[a, b], [totalA - a, totalB - b]]); // prettier-ignore
    if (test.p < chance / names.size && test.effect >= effectMin)
      odd.push({ word, here: b / totalB, there: a / totalA, test });
  }
  const [strongest] = odd.sort((a, b) => b.test.effect - a.test.effect);
  if (strongest === undefined) return [];
  const shown = odd
    .slice(0, wordsShown)
    .map(({ word, here, there }) => `"${word}" in ${percent(here)} here, ${percent(there)} there`);
  return drift(file, strongest.test, {
    test: `chi-squared of ${names.size} words, Bonferroni, Cramér's V of the strongest`,
    message: `The ${file} file speaks of other things than the training file: ${shown.join('; ')}`,
  });
}

function drift(
  file: DataRole,
  { effect, statistic, p }: Comparison,
  told: { readonly test: string; readonly message: string },
): Finding[] {
  if (p >= chance || effect < effectMin) return [];
  return [
    finding({
      code: 'drift',
      severity: 'warning',
      file,
      message: `${told.message} (${told.test} = ${effect.toFixed(2)}, p ${p < 1e-6 ? '< 0.000001' : `= ${p.toPrecision(2)}`})`,
      figures: { test: told.test, effect, statistic, p },
      advice:
        'A measure on other material says little about this training. Draw both from one heap: "tunesmith data split --stratify".',
    }),
  ];
}

const add = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
