/** Examples unlike the rest: far longer or shorter than most, or in another language than nearly all. */

import {
  countOf,
  finding,
  percent,
  Sightings,
  type DataRole,
  type Detector,
  type Finding,
  type Observed,
} from './finding.ts';
import type { LanguageReader } from './language.ts';

const examplesMin = 30;
/** Median absolute deviations of the logarithm from its median; 3.5 is the usual line, texts vary more. */
const deviationsMax = 5;
/** However even a file is, half as long again is not odd: four times is. */
const ratioMin = 4;

/** A length per example in eight bytes, grown as examples come. */
export class Lengths {
  #lengths = new Float64Array(1024);
  count = 0;

  add(length: number): void {
    if (this.count === this.#lengths.length) {
      const grown = new Float64Array(this.count * 2);
      grown.set(this.#lengths);
      this.#lengths = grown;
    }
    this.#lengths[this.count++] = length;
  }

  values(): Float64Array {
    return this.#lengths.subarray(0, this.count);
  }
}

export class LengthOutliers implements Detector {
  readonly #file: DataRole;
  readonly #lines = new Lengths();
  readonly #prompts = new Lengths();
  readonly #answers = new Lengths();

  constructor(file: DataRole) {
    this.#file = file;
  }

  see({ line, format, parts }: Observed): void {
    this.#lines.add(line);
    this.#prompts.add(parts.prompt.length);
    if (format !== 'reinforcement') this.#answers.add(parts.answer.length);
  }

  findings(): Finding[] {
    return [...this.#outliers('prompt', this.#prompts), ...this.#outliers('answer', this.#answers)];
  }

  #outliers(name: string, lengths: Lengths): Finding[] {
    const values = lengths.values();
    if (values.length < examplesMin) return [];
    const logs = values.map((length) => Math.log(1 + length));
    const middle = median(logs);
    const deviation = 1.4826 * median(logs.map((log) => Math.abs(log - middle)));
    const distance = Math.max(deviationsMax * deviation, Math.log(ratioMin));
    const lines = this.#lines.values();
    const seen = new Sightings();
    let [shortest, longest] = [Infinity, 0];
    for (const [i, log] of logs.entries()) {
      if (Math.abs(log - middle) <= distance) continue;
      seen.add(lines[i]!, `${name} of ${countOf(values[i]!, 'character')}`);
      [shortest, longest] = [Math.min(shortest, values[i]!), Math.max(longest, values[i]!)];
    }
    const typical = Math.round(Math.exp(middle) - 1);
    return seen.told({
      code: 'length_outliers',
      severity: 'note',
      file: this.#file,
      message: `${countOf(seen.count, name)} far from the usual ${countOf(typical, 'character')} (${shortest} to ${longest})`,
      figures: { part: name, median: typical, deviation: Number(deviation.toFixed(3)), shortest, longest },
      advice: 'Look at them: a cut, a paste too much, two examples in one? The clean step "length" leaves them out.',
    });
  }
}

const dominantShareMin = 0.8;
const languagesNamed = 3;

export class LanguageOutliers implements Detector {
  readonly #file: DataRole;
  readonly #reader: LanguageReader;
  readonly #seen = new Map<string, Sightings>();

  constructor(file: DataRole, reader: LanguageReader) {
    this.#file = file;
    this.#reader = reader;
  }

  see({ line, parts }: Observed): void {
    const text = `${parts.prompt}\n${parts.answer}`;
    const language = this.#reader.languageOf(text);
    if (language === null) return;
    const seen = this.#seen.get(language) ?? new Sightings();
    this.#seen.set(language, seen);
    seen.add(line, text);
  }

  /** Examples by language; those too short to tell are not among them. */
  counts(): Map<string, number> {
    return new Map([...this.#seen].map(([language, { count }]) => [language, count]));
  }

  findings(): Finding[] {
    const languages = [...this.#seen].sort(([, a], [, b]) => b.count - a.count);
    const told = languages.reduce((sum, [, { count }]) => sum + count, 0);
    const [dominant] = languages;
    if (dominant === undefined || told < 10 || dominant[1].count < told * dominantShareMin) return [];
    const names = new Intl.DisplayNames('en', { type: 'language' });
    const strays = languages.slice(1);
    if (strays.length === 0) return [];
    const named = strays.slice(0, languagesNamed).map(([language, { count }]) => `${names.of(language)} ${count}`);
    const rest = strays.length - named.length;
    const lines = strays.flatMap(([, seen]) => seen.lines).sort((a, b) => a - b);
    return [
      finding({
        code: 'language_outliers',
        severity: 'note',
        file: this.#file,
        message: `${countOf(lines.length, 'example')} in other languages than ${names.of(dominant[0])}, which ${percent(dominant[1].count / told)} are in (${named.join(', ')}${rest > 0 ? `, ${countOf(rest, 'other')}` : ''})`,
        lines,
        samples: strays.slice(0, languagesNamed).map(([, { samples }]) => samples[0]!),
        figures: {
          dominant: dominant[0],
          ...Object.fromEntries(strays.map(([language, { count }]) => [language, count])),
        },
        advice: `If they are strays, the clean step "language" keeps the languages you name (--languages ${dominant[0]}).`,
      }),
    ];
  }
}

export function median(values: Float64Array): number {
  const sorted = values.toSorted();
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
