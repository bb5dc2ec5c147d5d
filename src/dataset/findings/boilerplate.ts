/**
 * Sentences with which many answers begin or end, and long answers that many prompts get: boiler-plate.
 *
 * Nothing is listed here: what repeats in a file is told by the file. Sentences that came once are forgotten from
 * time to time, so that memory stays bounded and what is frequent stays counted (lossy counting).
 */

import {
  countOf,
  excerpt,
  finding,
  ownCopy,
  percent,
  type DataRole,
  type Detector,
  type Finding,
  type Observed,
} from './finding.ts';

export const boilerplateShareMin = 0.03;
export const boilerplateCountMin = 5;
const keptMax = 100_000;
const wholeAnswerMin = 40;
const shownMax = 5;

export interface RepeatedText {
  readonly where: 'opening' | 'closing' | 'all';
  /** The sentence, or the beginning of a whole answer. */
  readonly text: string;
  readonly lines: number[];
}

export class RepeatedTexts {
  answers = 0;
  readonly #repeated = new Map<string, RepeatedText>();

  add(answer: string, line: number): void {
    this.answers += 1;
    const { opening, closing } = sentencesOf(answer);
    if (opening !== null) this.#count('opening', opening, opening, line);
    if (closing !== null) this.#count('closing', closing, closing, line);
    if (answer.length >= wholeAnswerMin)
      this.#count('all', `${answer.length} ${answer.slice(0, 200)}${answer.slice(-200)}`, answer, line);
    if (this.#repeated.size <= keptMax) return;
    for (const [key, { lines }] of this.#repeated) if (lines.length === 1) this.#repeated.delete(key);
  }

  #count(where: RepeatedText['where'], key: string, text: string, line: number): void {
    const repeated = this.#repeated.get(`${where} ${key}`);
    if (repeated !== undefined) repeated.lines.push(line);
    else this.#repeated.set(`${where} ${key}`, { where, text: ownCopy(text.slice(0, sentenceMax)), lines: [line] });
  }

  /** What stands in so large a part of the answers, the most frequent first. */
  frequent(shareMin = boilerplateShareMin, countMin = boilerplateCountMin): RepeatedText[] {
    const enough = Math.max(countMin, this.answers * shareMin);
    const frequent = [...this.#repeated.values()].filter(({ lines }) => lines.length >= enough);
    return frequent.sort((a, b) => b.lines.length - a.lines.length);
  }
}

export class Boilerplate implements Detector {
  readonly #file: DataRole;
  readonly #texts = new RepeatedTexts();

  constructor(file: DataRole) {
    this.#file = file;
  }

  see({ line, format, parts }: Observed): void {
    const answer = parts.answer.trim();
    if (format !== 'reinforcement' && answer !== '') this.#texts.add(answer, line);
  }

  findings(): Finding[] {
    const frequent = this.#texts.frequent();
    if (frequent.length === 0) return [];
    const lines = [...new Set(frequent.flatMap((each) => each.lines))].sort((a, b) => a - b);
    return [
      finding({
        code: 'boilerplate',
        severity: 'note',
        file: this.#file,
        message: `${countOf(lines.length, 'answer')} (${percent(lines.length / this.#texts.answers)}) with boiler-plate that repeats across the file`,
        lines,
        samples: frequent.slice(0, shownMax).map(({ where, text, lines }) => ({
          line: lines[0]!,
          text: `${where} of ${countOf(lines.length, 'answer')}: ${excerpt(text)}`,
        })),
        figures: Object.fromEntries(
          frequent.slice(0, 50).map(({ where, text, lines }) => [`${where}: ${excerpt(text)}`, lines.length]),
        ),
        advice: 'The model will say it too. The clean step "boiler_plate" cuts such openings and closings.',
      }),
    ];
  }
}

const sentenceMax = 160;

const wordsMin = 3;

/** The first and the last sentence (or line) of an answer that has more. A word or two ("Yes.") are no boiler-plate. */
export function sentencesOf(answer: string): { readonly opening: string | null; readonly closing: string | null } {
  const opening = /^[^\n.!?:。！？]{3,160}(?:[.!?:。！？]+(?=\s)|(?=\n))/.exec(answer)?.[0] ?? null;
  const tail = answer.slice(-sentenceMax - 20);
  const closing = /(?<=[\s.!?:。！？])[^\s.!?。！？][^\n.!?。！？]{2,159}[.!?。！？]*$/u.exec(tail)?.[0] ?? null;
  const shortEnough = (text: string | null): string | null =>
    text !== null && text.length < answer.length - 10 && text.split(' ').length >= wordsMin ? text : null;
  return { opening: shortEnough(opening), closing: shortEnough(closing) };
}
