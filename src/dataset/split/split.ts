/**
 * One file into training, validation and test, or into k folds, so that nothing of one is known from another.
 *
 * Rows that are the same, ask the same, are nearly the same or share a key are one group, and a group stays
 * together. Labels have the same share in every part. A first pass decides; the lines are then copied to the letter,
 * but for keys that a file for training may not have.
 */

import { invalid } from '../../domain/errors.ts';
import { readLines } from '../../formats/jsonl.ts';
import { comparableParts, partsOfRow } from '../clean/example-texts.ts';
import { Fingerprints } from '../fingerprints.ts';
import { AnswerSet } from '../findings/answer-set.ts';
import { Clusters } from '../findings/clusters.ts';
import { askedText, comparedParts, exactText, type Frames } from '../findings/duplicates.ts';
import { defaultSimilarity, isBlank, NearDuplicates } from '../findings/near-duplicates.ts';
import { formatOfRow } from '../format.ts';
import { isError, isObject, type Fields } from '../problem.ts';
import { checkRow, type Row } from '../rows.ts';
import { readTextRows } from '../text-rows.ts';
import { assignParts } from './assign.ts';
import type { GroupKey } from './group-key.ts';

export interface SplitOptions {
  /** How many of so many rows each part gets; they add up to all. */
  readonly sizes: (rows: number) => readonly number[];
  readonly seed: number;
  readonly similarity?: number;
  /** What keeps rows together, beside their likeness. */
  readonly groupBy?: GroupKey;
  /** Whose shares are kept: a key's values, the answers if they are labels, or nobody's. */
  readonly stratify: GroupKey | 'answers' | 'none';
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
}

export interface PlannedSplit {
  readonly rows: number;
  /** The part of every line, by the line's number; `noPart` for blank lines. */
  readonly partOfLine: Uint8Array;
  readonly parts: readonly PlannedPart[];
  /** Groups of two rows or more. */
  readonly groups: number;
  readonly largestGroup: number;
  /** Values of the key to group by, and how many of them are in two parts, which would be a mistake of ours. */
  readonly keys: number;
  readonly keysParted: number;
  /** Rows without the key to group by; each stands for itself. */
  readonly keyless: number;
  /** Keys that are left out, as a file to train on must not have them. */
  readonly leftOutKeys: readonly string[];
  /** What texts were compared without. */
  readonly frames: Frames;
}

export interface PlannedPart {
  readonly rows: number;
  /** Rows by label; null when answers are no labels and no key was named. */
  readonly labels: Readonly<Record<string, number>> | null;
}

export const noPart = 255;
const labelsMax = 10_000;

export async function planSplit(path: string, options: SplitOptions): Promise<PlannedSplit> {
  const { signal, onProgress, similarity = defaultSimilarity } = options;
  const survey = new Survey(options);
  for await (const row of readTextRows(path, { ...(signal && { signal }), ...(onProgress && { onProgress }) }))
    survey.add(row);
  const { lines } = survey;
  const sizes = options.sizes(lines.length);
  const groups = await survey.groups(similarity, signal);
  const { strata, names } = survey.strata();
  const assigned = assignParts(groups, strata, sizes, options.seed);
  const partOfLine = new Uint8Array((lines.at(-1) ?? 0) + 1).fill(noPart);
  for (const [row, line] of lines.entries()) partOfLine[line] = assigned[row]!;
  return {
    rows: lines.length,
    partOfLine,
    parts: sizes.map((_, part) => partReport(part, assigned, strata, names)),
    groups: groups.filter(({ rows }) => rows.length > 1).length,
    largestGroup: groups.reduce((most, { rows }) => Math.max(most, rows.length), 0),
    ...survey.keysIn(assigned),
    keyless: survey.keyless,
    leftOutKeys: [...survey.leftOutKeys],
    frames: survey.frames,
  };
}

function partReport(
  part: number,
  assigned: Uint8Array,
  strata: Uint32Array,
  names: readonly string[] | null,
): PlannedPart {
  const counts = new Map<number, number>();
  let rows = 0;
  for (const [row, its] of assigned.entries()) {
    if (its !== part) continue;
    rows += 1;
    counts.set(strata[row]!, (counts.get(strata[row]!) ?? 0) + 1);
  }
  const labels = names === null ? null : Object.fromEntries(names.map((name, i) => [name, counts.get(i) ?? 0]));
  return { rows, labels };
}

/** The lines of the parts that are wanted, in the order of the file. */
export async function* linesOf(
  path: string,
  { partOfLine, leftOutKeys }: PlannedSplit,
  wanted: (part: number) => boolean,
  signal?: AbortSignal,
): AsyncGenerator<string, void> {
  for await (const { line, text } of readLines(path, { ...(signal && { signal }) })) {
    const part = partOfLine[line] ?? noPart;
    if (part === noPart || !wanted(part)) continue;
    yield leftOutKeys.length === 0 ? text : without(JSON.parse(text) as Fields, leftOutKeys, text);
  }
}

function without(row: Fields, keys: readonly string[], text: string): string {
  if (!keys.some((key) => Object.hasOwn(row, key))) return text;
  return JSON.stringify(Object.fromEntries(Object.entries(row).filter(([key]) => !keys.includes(key))));
}

/** What is remembered of each row while the file is read. */
class Survey {
  readonly lines: number[] = [];
  readonly leftOutKeys = new Set<string>();
  keyless = 0;
  readonly #options: SplitOptions;
  readonly #near = new NearDuplicates();
  /** By the number in `#near`: the row, which says something. */
  readonly #nearRows: number[] = [];
  readonly #nearAsked = new NearDuplicates();
  /** By the number in `#nearAsked`: the row, which asks something. */
  readonly #asking: number[] = [];
  readonly #exact = new Fingerprints();
  readonly #asked = new Fingerprints();
  /** The first row of each key, and the key of each row as that row's number. */
  readonly #keys = new Map<string, number>();
  readonly #keyOfRow: (number | null)[] = [];
  /** Pairs of rows that belong together. */
  readonly #pairs: (readonly [number, number])[] = [];
  readonly #answers = new AnswerSet();
  readonly #labels: number[] = [];
  readonly #labelNumbers = new Map<string, number>();

  constructor(options: SplitOptions) {
    this.#options = options;
  }

  get frames(): Frames {
    return { examples: this.#near.frame, questions: this.#nearAsked.frame };
  }

  add(row: Row): void {
    const value = row.value as Fields;
    const format = row.checked?.format ?? formatOfRow(value) ?? 'chat';
    this.#allow(row);
    const number = this.lines.push(row.line) - 1;
    const parts = comparableParts(value, format);
    const compared = comparedParts(parts, format);
    if (!isBlank(compared)) {
      this.#near.add(compared);
      this.#nearRows.push(number);
    }
    this.#joinFirst(this.#exact.add(exactText(parts), number + 1), number);
    const asked = askedText(parts);
    if (asked !== '') {
      this.#joinFirst(this.#asked.add(asked, number + 1), number);
      this.#nearAsked.add({ prompt: parts.prompt, answer: '' });
      this.#asking.push(number);
    }
    this.#joinKey(value, number);
    const { answer } = partsOfRow(value, format);
    if (format !== 'reinforcement') this.#answers.add(answer);
    const { stratify } = this.#options;
    this.#label(typeof stratify === 'function' ? (stratify(value) ?? '(none)') : answer.trim());
  }

  /** Rows with errors are refused, except for keys that only serve to group by. */
  #allow({ line, number, value, text, problems }: Row): void {
    const errors = problems.filter(isError);
    if (errors.length === 0) return;
    const extra = errors.map(({ code, path }) => (code === 'unrecognized_key' ? topLevelKey(path) : null));
    if (isObject(value) && extra.every((key) => key !== null)) {
      const lean = without(value, extra, text);
      const format = formatOfRow(JSON.parse(lean)) ?? 'chat';
      const again = checkRow({ line, text: lean, fault: null }, number, { format, images: true }).problems.filter(
        isError,
      );
      if (again.length === 0) {
        for (const key of extra) this.leftOutKeys.add(key);
        return;
      }
      errors.splice(0, errors.length, ...again);
    }
    throw invalid(
      null,
      `Line ${line}: ${errors[0]!.message} Mend the file first: "tunesmith data check" says what is wrong, --fix mends what is safe.`,
    );
  }

  #joinFirst(first: number | null, number: number): void {
    if (first !== null) this.#pairs.push([first - 1, number]);
  }

  #joinKey(value: Fields, number: number): void {
    if (this.#options.groupBy === undefined) return;
    const key = this.#options.groupBy(value);
    if (key === null) this.keyless += 1;
    else if (!this.#keys.has(key)) this.#keys.set(key, number);
    const first = key === null ? null : this.#keys.get(key)!;
    this.#keyOfRow.push(first);
    if (first !== null && first !== number) this.#pairs.push([first, number]);
  }

  /** Looks each key up in the outcome, whatever led to it. */
  keysIn(parts: Uint8Array): { readonly keys: number; readonly keysParted: number } {
    const parted = new Set<number>();
    for (const [row, first] of this.#keyOfRow.entries())
      if (first !== null && parts[row] !== parts[first]) parted.add(first);
    return { keys: this.#keys.size, keysParted: parted.size };
  }

  /** Labels as numbers; texts too long for one, and labels too many, count as one. */
  #label(label: string): void {
    const known = label.length <= 120 && (this.#labelNumbers.has(label) || this.#labelNumbers.size < labelsMax);
    const name = known ? label : '(others)';
    const number = this.#labelNumbers.get(name) ?? this.#labelNumbers.size;
    this.#labelNumbers.set(name, number);
    this.#labels.push(number);
  }

  async groups(similarity: number, signal?: AbortSignal): Promise<{ rows: number[] }[]> {
    if (this.#options.groupBy !== undefined && this.keyless === this.lines.length && this.lines.length > 0) {
      throw invalid(null, 'No row has the key to group by.');
    }
    const clusters = new Clusters(this.lines.length);
    for (const [one, other] of this.#pairs) clusters.join(one, other);
    for (const { near, rows } of [
      { near: this.#near, rows: this.#nearRows },
      { near: this.#nearAsked, rows: this.#asking },
    ]) {
      for (const [first, ...others] of (await near.clusters(similarity, signal)).groups()) {
        for (const other of others) clusters.join(rows[first!]!, rows[other]!);
      }
    }
    const groups = clusters.groups();
    const grouped = new Set(groups.flat());
    const alone = this.lines.flatMap((_, row) => (grouped.has(row) ? [] : [{ rows: [row] }]));
    return [...groups.map((rows) => ({ rows })), ...alone];
  }

  /** The label of each row as a number, and their names; all in one when there are no labels. */
  strata(): { readonly strata: Uint32Array; readonly names: readonly string[] | null } {
    const { stratify } = this.#options;
    const labelled = typeof stratify === 'function' || (stratify === 'answers' && this.#answers.labels() !== null);
    if (!labelled) return { strata: new Uint32Array(this.lines.length), names: null };
    return { strata: Uint32Array.from(this.#labels), names: [...this.#labelNumbers.keys()] };
  }
}

/** `$.metadata` → `metadata`; null for what lies deeper. */
function topLevelKey(path: string): string | null {
  const [, plain, quoted] = /^\$(?:\.([^.[\]]+)|\[("(?:[^"\\]|\\.)*")\])$/.exec(path) ?? [];
  if (plain !== undefined) return plain;
  return quoted === undefined ? null : (JSON.parse(quoted) as string);
}
