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

interface Repeated {
  readonly where: 'start' | 'end' | 'whole';
  readonly text: string;
  readonly lines: number[];
}

export class Boilerplate implements Detector {
  readonly #file: DataRole;
  readonly #repeated = new Map<string, Repeated>();
  #answers = 0;

  constructor(file: DataRole) {
    this.#file = file;
  }

  see({ line, format, parts }: Observed): void {
    const answer = parts.answer.trim();
    if (format === 'reinforcement' || answer === '') return;
    this.#answers += 1;
    const { opening, closing } = sentencesOf(answer);
    if (opening !== null) this.#count('start', opening, line);
    if (closing !== null) this.#count('end', closing, line);
    if (answer.length >= wholeAnswerMin) this.#count('whole', answer, line);
    if (this.#repeated.size > keptMax) {
      for (const [key, { lines }] of this.#repeated) if (lines.length === 1) this.#repeated.delete(key);
    }
  }

  #count(where: Repeated['where'], text: string, line: number): void {
    const key = `${where} ${text.length > 300 ? `${text.length} ${text.slice(0, 150)}${text.slice(-150)}` : text}`;
    const repeated = this.#repeated.get(key);
    if (repeated === undefined) this.#repeated.set(key, { where, text: excerpt(text), lines: [line] });
    else repeated.lines.push(line);
  }

  findings(): Finding[] {
    const enough = Math.max(boilerplateCountMin, this.#answers * boilerplateShareMin);
    const repeated = [...this.#repeated.values()].filter(({ lines }) => lines.length >= enough);
    if (repeated.length === 0) return [];
    repeated.sort((a, b) => b.lines.length - a.lines.length);
    const lines = [...new Set(repeated.flatMap((each) => each.lines))].sort((a, b) => a - b);
    return [
      finding({
        code: 'boilerplate',
        severity: 'note',
        file: this.#file,
        message: `${countOf(lines.length, 'answer')} (${percent(lines.length / this.#answers)}) with boiler-plate that repeats across the file`,
        lines,
        samples: repeated.slice(0, shownMax).map(({ where, text, lines }) => ({
          line: lines[0]!,
          text: `${places[where]} of ${countOf(lines.length, 'answer')}: ${text}`,
        })),
        figures: Object.fromEntries(
          repeated.slice(0, 50).map(({ where, text, lines }) => [`${places[where]}: ${text}`, lines.length]),
        ),
        advice: 'The model will say it too. The clean step "boiler_plate" cuts such openings and closings.',
      }),
    ];
  }
}

const places = { start: 'opening', end: 'closing', whole: 'all' } as const;

const sentenceMax = 160;

/** The first and the last sentence (or line) of an answer that has more than one. */
export function sentencesOf(answer: string): { readonly opening: string | null; readonly closing: string | null } {
  const opening = /^[^\n.!?:。！？]{3,160}(?:[.!?:。！？]+(?=\s)|(?=\n))/.exec(answer)?.[0] ?? null;
  const tail = answer.slice(-sentenceMax - 20);
  const closing = /(?<=[\s.!?:。！？])[^\s.!?。！？][^\n.!?。！？]{2,159}[.!?。！？]*$/u.exec(tail)?.[0] ?? null;
  const shortEnough = (text: string | null): string | null =>
    text !== null && text.length < answer.length - 10 ? text : null;
  return { opening: shortEnough(opening), closing: shortEnough(closing) };
}
