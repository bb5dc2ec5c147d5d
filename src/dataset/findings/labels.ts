/** Whether answers agree with each other and are evenly spread: contradictions, one class, imbalance. */

import { Fingerprints } from '../fingerprints.ts';
import { AnswerSet } from './answer-set.ts';
import {
  countOf,
  excerpt,
  finding,
  percent,
  type DataRole,
  type Detector,
  type Finding,
  type Observed,
  type Sample,
} from './finding.ts';

/** The most frequent label is on so many times the examples of the rarest: worth a word. */
const imbalanceMin = 10;
const rareMax = 10;
const conflictsShown = 2;

export class Labels implements Detector {
  readonly #file: DataRole;
  readonly #answers = new AnswerSet();
  readonly #prompts = new Fingerprints();
  readonly #answered = new Fingerprints();
  /** By the line of a prompt: all its lines from the moment on that an answer differs from the first. */
  readonly #conflicts = new Map<number, number[]>();
  readonly #samples: Sample[] = [];

  constructor(file: DataRole) {
    this.#file = file;
  }

  see({ line, format, parts }: Observed): void {
    if (format === 'reinforcement') return; // has no answers
    if (format !== 'preference') this.#answers.add(parts.answer);
    if (parts.prompt.trim() === '') return;
    // Two preferences contradict each other where the same two answers stand the other way round.
    const rivals = format === 'preference' ? parts.texts.slice(-2).map(({ text }) => folded(text)) : [];
    const prompt = [folded(parts.system ?? ''), folded(parts.prompt), ...rivals.sort()].join('\u0000');
    const first = this.#prompts.add(prompt, line);
    const firstSame = this.#answered.add(`${prompt}\u0000${folded(parts.answer)}`, line);
    if (first === null) return;
    const lines = this.#conflicts.get(first);
    if (lines !== undefined) lines.push(line);
    else if (firstSame !== first) {
      this.#conflicts.set(first, [first, line]);
      if (this.#samples.length === conflictsShown) return;
      this.#samples.push({
        line,
        text: `${excerpt(parts.prompt)} → ${excerpt(parts.answer)} (line ${first} says otherwise)`,
      });
    }
  }

  findings(): Finding[] {
    const labels = this.#answers.labels();
    return [...this.#contradictions(labels !== null), ...(labels === null ? [] : this.#balance(labels))];
  }

  /** Where answers are labels one of two is wrong; prose may say a thing in more ways than one. */
  #contradictions(labelled: boolean): Finding[] {
    const groups = [...this.#conflicts.values()];
    if (groups.length === 0) return [];
    const lines = groups.flat().sort((a, b) => a - b);
    const prompts = countOf(groups.length, 'prompt');
    return [
      finding({
        code: labelled ? 'contradicting_answers' : 'varying_answers',
        severity: labelled ? 'warning' : 'note',
        file: this.#file,
        message: `${prompts} answered differently on different lines, ${countOf(lines.length, 'example')} in all`,
        lines,
        groups,
        samples: this.#samples,
        advice: labelled
          ? 'Decide for one answer each: a model trained on both learns to guess.'
          : 'Fine if the answers are all good; if one is better, keep that one.',
      }),
    ];
  }

  #balance(labels: ReadonlyMap<string, number>): Finding[] {
    const file = this.#file;
    const counts = [...labels];
    const total = counts.reduce((sum, [, count]) => sum + count, 0);
    const [first, last] = [counts[0]!, counts.at(-1)!];
    if (counts.length === 1) {
      return [
        finding({
          code: 'one_class',
          severity: 'error',
          file,
          message: `All ${total} examples have the same answer, ${JSON.stringify(excerpt(first[0]))}`,
          figures: { [first[0]]: total },
          advice: 'A model learns to say it always. Add examples that are answered otherwise.',
        }),
      ];
    }
    if (first[1] < imbalanceMin * last[1]) return [];
    const rare = counts.filter(([, count]) => count < rareMax);
    const rest = rare.length === 0 ? '' : `; ${countOf(rare.length, 'label')} on fewer than ${rareMax} examples`;
    return [
      finding({
        code: 'class_imbalance',
        severity: 'warning',
        file,
        message: `${JSON.stringify(first[0])} is the answer of ${percent(first[1] / total)} of the examples, ${JSON.stringify(last[0])} of ${percent(last[1] / total)} (${last[1]})${rest}`,
        figures: Object.fromEntries(labels),
        advice: 'Add examples of the rare ones, or let the clean step "balance" leave out some of the frequent ones.',
      }),
    ];
  }
}

/** Case and spacing make no other question and no other answer. */
const folded = (text: string): string => text.toLowerCase().replaceAll(/\s+/g, ' ').trim();
