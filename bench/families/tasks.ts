/**
 * The two tasks that families are measured by: is a mail spam, and what kind of word is each word of a sentence.
 *
 * A task says what is learnt from and asked, how many parts of an answer are right, and what needs no language model
 * would answer. One answer is right when it is the label, as it stands; a word when the entity that its first letter
 * is in has its tag.
 */

import { bagOfWords, majority } from '../../src/evals/baselines/baselines.ts';
import type { Answered } from '../../src/evals/ask.ts';
import { textOf, type TestItem } from '../../src/evals/task.ts';
import { spamSplits, type SpamSplits } from '../../src/quickstart/spam.ts';
import type { LabelledExample } from '../../src/quickstart/labelled.ts';
import { brownSplits, textOfSentence, type BrownSplits, type Sentence } from '../brown.ts';

export interface Task {
  readonly name: 'spam' | 'tagging';
  readonly training: readonly LabelledExample[];
  /** What is held out. */
  readonly test: readonly LabelledExample[];
  /** The test, as models are asked. */
  readonly items: readonly TestItem[];
  /** Parts of an answer that are right, of all that the reference has: one of one for a label. */
  readonly right: (answer: string, item: number) => number;
  readonly parts: readonly number[];
  readonly baselines: () => readonly (readonly [name: string, accuracy: number])[];
}

const fullSizes = {
  spam: { training: 1000, validation: 140, test: 400 },
  tagging: { training: 3000, validation: 300, test: 600 },
};
const smallSizes = {
  spam: { training: 24, validation: 8, test: 8 },
  tagging: { training: 40, validation: 10, test: 10 },
};

export const taskNames: readonly Task['name'][] = ['spam', 'tagging'];

export interface TaskOptions {
  readonly small: boolean;
  /** What is asked: the test, or, to choose a recipe by, the validation set. */
  readonly heldOut: 'validation' | 'test';
}

export function openTask(name: Task['name'], { small, heldOut }: TaskOptions): Task {
  const sizes = small ? smallSizes : fullSizes;
  if (name === 'tagging') return taggingTask(brownSplits(sizes.tagging, 7), heldOut);
  return spamTask(spamSplits(sizes.spam, 7), heldOut);
}

function spamTask(splits: SpamSplits, heldOut: TaskOptions['heldOut']): Task {
  const { training, [heldOut]: test } = splits;
  const items = test.map(itemOf);
  const right = (answer: string, item: number): number => (answer.trim() === test[item]!.label ? 1 : 0);
  const accuracy = (answers: readonly Answered[]): number =>
    mean(answers.map(({ answer }, i) => (answer === null ? 0 : right(textOf(answer), i))));
  return {
    name: 'spam',
    training,
    test,
    items,
    right,
    parts: items.map(() => 1),
    baselines: () => {
      const learnt = training.map(itemOf);
      return [
        ['always the same label', accuracy(majority(learnt, items))],
        ['bag of words, logistic regression', accuracy(bagOfWords(learnt, items))],
      ];
    },
  };
}

function taggingTask(splits: BrownSplits, heldOut: TaskOptions['heldOut']): Task {
  const { training, [heldOut]: test } = splits;
  const examples = test.map(taggedExample);
  return {
    name: 'tagging',
    training: training.map(taggedExample),
    test: examples,
    items: examples.map(itemOf),
    right: (answer, item) => wordsRight(spansOf(answer), test[item]!),
    parts: test.map(({ length }) => length),
    baselines: () => tagBaselines(training, test),
  };
}

const itemOf = ({ prompt, label }: LabelledExample, i: number): TestItem => ({
  line: i + 1,
  input: prompt as TestItem['input'],
  reference: { role: 'assistant', content: label },
});

/** Each word is an entity of its own. */
const taggedExample = (sentence: Sentence): LabelledExample => ({
  prompt: [{ role: 'user', content: textOfSentence(sentence) }],
  label: JSON.stringify(sentence.map(({ word, tag, start }) => ({ label: tag, start, end: start + word.length }))),
});

interface Span {
  readonly label: string;
  readonly start: number;
  readonly end: number;
}

function spansOf(answer: string): readonly Span[] {
  try {
    return JSON.parse(answer) as Span[];
  } catch {
    return [];
  }
}

const wordsRight = (spans: readonly Span[], sentence: Sentence): number =>
  sentence.filter(({ tag, start }) => spans.find((span) => span.start <= start && start < span.end)?.label === tag).length; // prettier-ignore

function tagBaselines(training: readonly Sentence[], test: readonly Sentence[]) {
  const counts = new Map<string, Map<string, number>>();
  const all = new Map<string, number>();
  const add = (tags: Map<string, number>, tag: string) => tags.set(tag, (tags.get(tag) ?? 0) + 1);
  for (const { word, tag } of training.flat()) {
    if (!counts.has(word)) counts.set(word, new Map());
    add(counts.get(word)!, tag);
    add(all, tag);
  }
  const top = (tags: ReadonlyMap<string, number>): string => [...tags].sort(([, a], [, b]) => b - a)[0]![0];
  const common = top(all);
  const known = new Map([...counts].map(([word, tags]) => [word, top(tags)]));
  const share = (guess: (word: string) => string): number =>
    mean(test.flat().map(({ word, tag }) => (guess(word) === tag ? 1 : 0)));
  return [
    [`always ${common}`, share(() => common)],
    ["each word's most frequent tag", share((word) => known.get(word) ?? common)],
  ] as const;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
