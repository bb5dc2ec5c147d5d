/**
 * Examples that stand somewhere else as well, to the letter or nearly: twice in one file, or in a file that was
 * meant to be held out.
 */

import type { ExampleFormat } from '../../domain/example.ts';
import { Fingerprints } from '../fingerprints.ts';
import type { Parts } from '../parts.ts';
import {
  countOf,
  excerpt,
  finding,
  type DataRole,
  type Detector,
  type Finding,
  type Observed,
  type Sample,
} from './finding.ts';
import type { Frame } from './frame.ts';
import { leaks, type Leak } from './leaks.ts';
import { defaultSimilarity, isBlank, NearDuplicates, normalised, type Compared } from './near-duplicates.ts';

const groupsShown = 2;

/** What all examples, and what all questions, are compared without. */
export interface Frames {
  readonly examples: Frame;
  readonly questions: Frame;
}

export interface DuplicateOptions {
  /** From 0 to 1: the part of their shingles that two texts share. */
  readonly similarity?: number;
  /** Known from an earlier look at the same examples, so that both looks agree. */
  readonly frames?: Frames;
  /** Whether questions are compared as well, which only matters between files. */
  readonly across?: boolean;
  readonly signal?: AbortSignal;
}

/** Files come one after the other, the training file first. */
export class Duplicates implements Detector {
  readonly #options: DuplicateOptions;
  readonly #files = new Map<DataRole, FileMemory>();
  readonly #near: NearDuplicates;
  readonly #nearAsked: NearDuplicates;
  /** By the number in `#near`: which example it is, of those that differ within their file. */
  readonly #members: Member[] = [];
  /** By the number in `#nearAsked`, where something is asked. */
  readonly #asking: Member[] = [];
  readonly #leaks: Leak[] = [];

  constructor(options: DuplicateOptions = {}) {
    this.#options = options;
    this.#near = new NearDuplicates(options.frames?.examples);
    this.#nearAsked = new NearDuplicates(options.frames?.questions);
  }

  see({ file, line, format, parts }: Observed): void {
    const memory = this.#memoryOf(file);
    const exact = exactText(parts);
    const asked = this.#options.across === true ? askedText(parts) : '';
    const leak = this.#leakOf(file, exact, asked);
    if (leak !== null) this.#leaks.push({ ...leak, file, line, text: excerpt(parts.prompt) });
    if (asked !== '') memory.asked.add(asked, line);
    const first = memory.exact.add(exact, line);
    if (first === null) {
      const member = { file, line, beginning: excerpt(parts.prompt), leaks: leak !== null };
      const compared = comparedParts(parts, format);
      if (!isBlank(compared)) {
        this.#members.push(member);
        this.#near.add(compared);
      }
      if (asked === '') return;
      this.#asking.push(member);
      this.#nearAsked.add({ prompt: parts.prompt, answer: '' });
      return;
    }
    const copies = memory.copies.get(first);
    if (copies === undefined) memory.copies.set(first, { lines: [first, line], text: excerpt(parts.prompt) });
    else copies.lines.push(line);
  }

  #memoryOf(file: DataRole): FileMemory {
    let memory = this.#files.get(file);
    if (memory === undefined) {
      memory = { exact: new Fingerprints(), asked: new Fingerprints(), copies: new Map() };
      this.#files.set(file, memory);
    }
    return memory;
  }

  #leakOf(file: DataRole, exact: string, asked: string): Pick<Leak, 'kind' | 'other' | 'otherLine'> | null {
    for (const [other, memory] of this.#files) {
      if (other === file) continue;
      const same = memory.exact.find(exact);
      if (same !== null) return { kind: 'exact', other, otherLine: same };
      const sameQuestion = asked === '' ? null : memory.asked.find(asked);
      if (sameQuestion !== null) return { kind: 'prompt', other, otherLine: sameQuestion };
    }
    return null;
  }

  async findings(): Promise<Finding[]> {
    const { similarity = defaultSimilarity, signal } = this.#options;
    const groups = await grouped(this.#near, this.#members, similarity, signal);
    const asking = await grouped(this.#nearAsked, this.#asking, similarity, signal);
    const near = new Map([...asking, ...groups].flatMap(nearLeaks).map((leak) => [`${leak.file} ${leak.line}`, leak]));
    return [
      ...leaks([...this.#leaks, ...near.values()], similarity),
      ...[...this.#files].flatMap(([file, memory]) => [
        ...exactDuplicates(file, memory),
        ...nearDuplicates(
          file,
          groups.flatMap((group) => inFile(group, file)),
          similarity,
        ),
      ]),
    ];
  }
}

interface FileMemory {
  readonly exact: Fingerprints;
  readonly asked: Fingerprints;
  /** By the first line of an example: the lines that say the same. */
  readonly copies: Map<number, { readonly lines: number[]; readonly text: string }>;
}

interface Member {
  readonly file: DataRole;
  readonly line: number;
  readonly beginning: string;
  /** Known to leak already, from an example that is the same. */
  readonly leaks: boolean;
}

async function grouped(
  near: NearDuplicates,
  members: readonly Member[],
  similarity: number,
  signal?: AbortSignal,
): Promise<Member[][]> {
  const clusters = await near.clusters(similarity, signal);
  return clusters.groups().map((cluster) => cluster.map((member) => members[member]!));
}

/** Of a group across files, those of later files: each is like one of the first file. */
function nearLeaks(group: readonly Member[]): Leak[] {
  const [first] = group;
  const later = group.filter(({ file, leaks }) => file !== first!.file && !leaks);
  return later.map(({ file, line, beginning: text }) => ({
    kind: 'near',
    file,
    line,
    other: first!.file,
    otherLine: first!.line,
    text,
  }));
}

function inFile(group: readonly Member[], file: DataRole): (readonly Member[])[] {
  const members = group.filter((member) => member.file === file);
  return members.length > 1 ? [members] : [];
}

function exactDuplicates(file: DataRole, { copies }: FileMemory): Finding[] {
  const groups = [...copies.values()].sort((a, b) => a.lines[0]! - b.lines[0]!);
  if (groups.length === 0) return [];
  const extra = groups.reduce((sum, { lines }) => sum + lines.length - 1, 0);
  return [
    finding({
      code: 'exact_duplicates',
      severity: 'warning',
      file,
      message: `${countOf(extra, 'copy', 'copies')} of ${countOf(groups.length, 'example')} that the file has already`,
      lines: groups.flatMap(({ lines }) => lines).sort((a, b) => a - b),
      groups: groups.map(({ lines }) => lines),
      samples: groups.slice(0, groupsShown).map(({ lines, text }) => ({ line: lines[1]!, text })),
      advice: 'Copies are learnt harder than the rest. The clean step "exact_duplicates" keeps the first.',
    }),
  ];
}

function nearDuplicates(file: DataRole, groups: readonly (readonly Member[])[], similarity: number): Finding[] {
  if (groups.length === 0) return [];
  const extra = groups.reduce((sum, members) => sum + members.length - 1, 0);
  const shown = groups.slice(0, groupsShown).flatMap((members) => members.slice(0, 2));
  return [
    finding({
      code: 'near_duplicates',
      severity: 'warning',
      file,
      message: `${countOf(extra, 'example')} nearly the same as an earlier one (${countOf(groups.length, 'group')}, similarity ${similarity} or more)`,
      lines: groups.flatMap((members) => members.map(({ line }) => line)).sort((a, b) => a - b),
      groups: groups.map((members) => members.map(({ line }) => line)),
      samples: shown.map(({ line, beginning }): Sample => ({ line, text: beginning })),
      figures: { similarity },
      advice:
        'The clean step "near_duplicates" keeps the first of each group; "tunesmith data split" never parts a group.',
    }),
  ];
}

/** What makes an example like another: its question and its answer, or both answers of a preference. */
export const comparedParts = ({ prompt, answer, texts }: Parts, format: ExampleFormat): Compared =>
  format === 'preference' ? { prompt, answer: `${answer}\n${texts.at(-1)!.text}` } : { prompt, answer };

/** What makes an example the same as another, whatever its spacing. */
export const exactText = ({ texts }: Parts): string =>
  texts.map(({ role, text }) => `${role}\u0000${text.replaceAll(/\s+/g, ' ').trim()}`).join('\u0001');

/** What makes a question the same as another; empty where nothing is asked. */
export const askedText = ({ system, prompt }: Parts): string =>
  prompt.trim() === '' ? '' : `${normalised(system ?? '')}\n${normalised(prompt)}`;
