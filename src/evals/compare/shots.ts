/**
 * Few-shot asking: examples of the training file as a conversation that went well, before each question.
 *
 *   diverse   the same examples for all questions, as unlike each other as can be; of labels each in its turn
 *   nearest   for every question the examples most like it, the likest last
 *   random    the same examples for all questions, drawn by lot
 *
 * All three come out the same for the same seed. Examples that stay the same are read once by a server that
 * remembers what it read; the nearest ones are read anew for each question.
 */

import type { Message } from '../../domain/example.ts';
import { seededRandom, shuffled } from '../../random.ts';
import { questionOf } from '../baselines/baselines.ts';
import { similarity, WordSpace } from '../baselines/words.ts';
import { labelsOf, textOf, type Task, type TestItem } from '../task.ts';

export type ShotChoice = 'diverse' | 'nearest' | 'random';

export const shotChoices: readonly ShotChoice[] = ['diverse', 'nearest', 'random'];

export interface Shots {
  readonly count: number;
  readonly choice: ShotChoice;
  readonly seed: number;
}

/** The test as it is asked with examples: each question after those chosen for it. */
export function askedWithShots(
  training: readonly TestItem[],
  test: readonly TestItem[],
  task: Task,
  shots: Shots,
): TestItem[] {
  const choose = chooser(training, task, shots);
  return test.map((item) => ({ ...item, input: withShots(choose(item), item.input) }));
}

type Shot = Pick<TestItem, 'input' | 'reference'>;

/**
 * The examples as a conversation, then the question. The system message comes first and once; so all questions begin
 * alike, and a server that remembers what it read reads the examples once.
 */
export function withShots(shots: readonly Shot[], input: readonly Message[]): Message[] {
  const talk = (messages: readonly Message[]): Message[] => messages.filter((message) => !isSystem(message));
  return [...input.filter(isSystem), ...shots.flatMap((shot) => [...talk(shot.input), shot.reference]), ...talk(input)];
}

const isSystem = ({ role }: Message): boolean => role === 'system' || role === 'developer';

function chooser(training: readonly TestItem[], task: Task, shots: Shots): (item: TestItem) => readonly TestItem[] {
  const { count, choice, seed } = shots;
  if (choice === 'nearest') return nearestTo(training, count);
  const mixed = shuffled(training, seededRandom(seed));
  const chosen = choice === 'random' ? mixed.slice(0, count) : diverse(mixed, task, count);
  return () => chosen;
}

function diverse(mixed: readonly TestItem[], task: Task, count: number): TestItem[] {
  if (task !== 'classification') return farthest(mixed, count);
  const texts = labelsOf(mixed.map(({ reference }) => textOf(reference)));
  const each = Math.ceil(count / texts.length);
  const spread = texts.map((label) => farthest(mixed.filter(({ reference }) => textOf(reference) === label), each)); // prettier-ignore
  return inTurn(spread, count);
}

/** One of each list after the other, again and again, as long as there are any. */
export function inTurn<T>(lists: readonly (readonly T[])[], count: number): T[] {
  const longest = lists.reduce((most, { length }) => Math.max(most, length), 0);
  const turns = Array.from({ length: longest }, (_, turn) => lists.flatMap((list) => list.slice(turn, turn + 1)));
  return turns.flat().slice(0, count);
}

/** The first one, and then always the one least like those chosen. */
function farthest(items: readonly TestItem[], count: number): TestItem[] {
  const questions = items.map(questionOf);
  const space = WordSpace.learn(questions);
  const vectors = questions.map((text) => space.vectorOf(text));
  const nearness = items.map(() => 0);
  const chosen: number[] = [];
  for (let next = 0; chosen.length < Math.min(count, items.length);) {
    chosen.push(next);
    for (const i of items.keys()) nearness[i] = Math.max(nearness[i]!, similarity(vectors[i]!, vectors[next]!));
    for (const i of chosen) nearness[i] = Infinity;
    next = nearness.indexOf(Math.min(...nearness));
  }
  return chosen.map((i) => items[i]!);
}

function nearestTo(training: readonly TestItem[], count: number): (item: TestItem) => readonly TestItem[] {
  const questions = training.map(questionOf);
  const space = WordSpace.learn(questions);
  const vectors = questions.map((text) => space.vectorOf(text));
  return (item) => {
    const asked = space.vectorOf(questionOf(item));
    const ranked = vectors.map((vector, i) => ({ i, likeness: similarity(vector, asked) }));
    ranked.sort((a, b) => b.likeness - a.likeness || a.i - b.i);
    return ranked
      .slice(0, count)
      .toReversed()
      .map(({ i }) => training[i]!);
  };
}
