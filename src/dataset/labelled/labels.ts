/**
 * What an encoder is taught to tell apart, read from the assistant's answers.
 *
 *   classification         the answer is the label:           spam
 *   multi_label            a JSON list of any of them:        ["billing", "angry"]
 *   token_classification   entities in JSON (entities.ts), learnt as tags of words: O, B-<type>, I-<type>
 */

import type { EntityForm, LabelSet, LabelTask } from '../../domain/label.ts';
import { plainForm, readEntities, type Entities } from './entities.ts';

export type Answer =
  | { readonly task: 'classification'; readonly label: string }
  | { readonly task: 'multi_label'; readonly labels: readonly string[] }
  | { readonly task: 'token_classification'; readonly entities: Entities };

/** What an answer looks like on its own; an empty list fits two tasks. */
export type AnswerKind = 'label' | 'labels' | 'entities' | 'nothing';

export function kindOf(answer: string): AnswerKind {
  const value = parsed(answer);
  if (Array.isArray(value)) {
    if (value.length === 0) return 'nothing';
    return value.every((item) => typeof item === 'string') ? 'labels' : 'entities';
  }
  return typeof value === 'object' && value !== null ? 'entities' : 'label';
}

/** The task that answers of these kinds teach. */
export function taskOf(kinds: ReadonlySet<AnswerKind>): LabelTask {
  if (kinds.has('label')) return 'classification';
  return kinds.has('entities') ? 'token_classification' : 'multi_label';
}

/** What an answer says under a task, or in words why it says nothing. */
export function readAnswer(answer: string, task: LabelTask): Answer | string {
  if (task === 'classification') {
    const label = answer.trim();
    if (label === '') return 'the answer is empty; expected a label';
    if (label.length > labelLettersMax) return `the answer has ${label.length} characters; expected a label`;
    return { task, label };
  }
  const value = parsed(answer);
  if (value === undefined) return `the answer is ${excerpt(answer)}, which is not JSON`;
  if (task === 'multi_label') {
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string' && item !== ''))
      return `the answer is ${excerpt(answer)}; expected a JSON list of labels`;
    return { task, labels: [...new Set(value as string[])] };
  }
  const entities = readEntities(value);
  return typeof entities === 'string' ? entities : { task, entities };
}

/** A label longer than this is a text. */
const labelLettersMax = 200;

/** The labels that an answer names. */
export function labelsIn(answer: Answer): readonly string[] {
  if (answer.task === 'classification') return [answer.label];
  return answer.task === 'multi_label' ? answer.labels : answer.entities.mentions.map(({ label }) => label);
}

/** Collects labels while a training file is read. */
export class LabelCollector {
  readonly #counts = new Map<string, number>();
  #form: EntityForm | null = null;

  add(answer: Answer): void {
    for (const label of new Set(labelsIn(answer))) this.#counts.set(label, (this.#counts.get(label) ?? 0) + 1);
    // The first answer that shows the form decides how answers are written.
    if (answer.task === 'token_classification' && answer.entities.mentions.length > 0)
      this.#form ??= answer.entities.form;
  }

  /** In alphabetical order, which is the same whatever the order of the file. */
  labelSet(task: LabelTask): LabelSet {
    const labels = [...this.#counts.keys()].sort((a, b) => (a < b ? -1 : 1));
    return { task, labels, form: task === 'token_classification' ? (this.#form ?? plainForm) : null };
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}

function parsed(answer: string): unknown {
  const text = answer.trim();
  if (!text.startsWith('[') && !text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const excerpt = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
