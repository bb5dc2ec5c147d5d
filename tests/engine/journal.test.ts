import { appendFile, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { Journal, type JournalEvent } from '../../src/engine/journal.ts';
import { temporaryFolder } from '../formats/folder.ts';

const step = (number: number, loss: number): JournalEvent => ({
  type: 'step',
  step: number,
  epoch: 1,
  loss,
  tokenAccuracy: 0.5,
  learningRate: 1e-4,
  gradientNorm: 1,
  tokens: 10,
  supervisedTokens: 5,
  elapsedMs: 3,
  validation: null,
  fullValidation: null,
});

const checkpoint = (number: number, kind: 'epoch' | 'snapshot'): JournalEvent => ({
  type: 'checkpoint',
  step: number,
  epoch: 1,
  kind,
  folder: `step-${number}`,
});

test('the next trainer finds every step up to its checkpoint once, and epochs but no snapshots', async () => {
  await using folder = await temporaryFolder();
  {
    using first = new Journal(folder.path);
    for (const event of [step(1, 0.9), checkpoint(1, 'snapshot'), step(2, 0.8), checkpoint(2, 'epoch'), step(3, 0.7)])
      first.append(event);
  }
  {
    using second = new Journal(folder.path);
    expect(second.upTo(2)).toEqual([step(1, 0.9), step(2, 0.8), checkpoint(2, 'epoch')]);
    second.append(step(3, 0.7));
    second.append(step(4, 0.6));
    second.flush();
  }
  using third = new Journal(folder.path);
  expect(third.upTo(4).map((event) => event.step)).toEqual([1, 2, 2, 3, 4]);
  expect(third.upTo(0)).toEqual([]);
});

test('half a line, left by a kill, costs that line only', async () => {
  await using folder = await temporaryFolder();
  {
    using first = new Journal(folder.path);
    first.append(step(1, 0.9));
  }
  await appendFile(folder.file('journal.jsonl'), '{"type":"step","st');
  {
    using second = new Journal(folder.path);
    second.append(step(2, 0.8));
  }
  using third = new Journal(folder.path);
  expect(third.upTo(9)).toEqual([step(1, 0.9), step(2, 0.8)]);
  expect((await readFile(folder.file('journal.jsonl'), 'utf8')).split('\n')).toHaveLength(4);
});
