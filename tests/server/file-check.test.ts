/** The task that checks a file, through the official client. */

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { checkFileName, type FileCheck, type FileCheckOutcome } from '../../src/domain/file-check.ts';
import type { Task } from '../../src/domain/task.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { chatLine, examples, tinyHome, upload } from '../jobs/tiny-house.ts';

type CheckTask = Task<object, FileCheckOutcome>;

/** The task when it is over, and the file that it has made. */
async function checked({ openai }: TestHouse, fields: object): Promise<{ task: CheckTask; check: FileCheck }> {
  let task = await openai.post<CheckTask>('/tasks', { body: { type: 'file_check', ...fields } });
  while (task.status === 'queued' || task.status === 'running') {
    await sleep(50);
    task = await openai.get<CheckTask>(`/tasks/${task.id}`);
  }
  expect(task.error).toBeNull();
  const text = await openai.get<string>(`/tasks/${task.id}/files/${checkFileName}`);
  return { task, check: JSON.parse(text) as FileCheck };
}

test('a file is checked with the newest base model, whose speed is measured when that is wished', async () => {
  await using home = await tinyHome();
  await using house = await openTestHouse({ home: home.home });
  const file = await upload(house.openai, examples());
  const { task, check } = await checked(house, { file });
  expect(task).toMatchObject({
    status: 'succeeded',
    request: { file },
    result: { file, filename: 'examples.jsonl', errors: 0, examples: 12, format: 'chat' },
  });
  expect(task.result!.findings).toBe(check.findings.length);
  expect(JSON.stringify(task).length).toBeLessThan(1000);
  expect(check.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(check.here).toMatchObject({
    base: 'tiny',
    seconds: null,
    reason: expect.stringContaining('never measured'),
  });
  expect(check.here!.trained_tokens).toBe(check.here!.tokens_per_epoch * check.price!.epochs);

  const measured = await checked(house, { file, measure: true });
  expect(measured.check.here!.seconds).toBeGreaterThan(0);
  expect((await checked(house, { file })).check.here!.seconds).toBe(measured.check.here!.seconds);
});

test('what two files share is found, and files and models that nobody has are named before there is a task', async () => {
  await using house = await openTestHouse();
  const file = await upload(house.openai, examples());
  const against = await upload(house.openai, [chatLine('Who is it?', 'me'), examples()[2]!]);
  const { check } = await checked(house, { file, against });
  expect(check.findings).toContainEqual(expect.objectContaining({ code: 'leakage', lines: [3], counterparts: [2] }));
  expect(check.here).toBeNull();

  const asked = (fields: object) => house.openai.post('/tasks', { body: { type: 'file_check', ...fields } });
  await expect(asked({ file: 'file-nobody' })).rejects.toMatchObject({ status: 404 });
  await expect(asked({ file, against: file })).rejects.toMatchObject({ status: 400, param: 'against' });
  await expect(asked({ file, against: 'file-nobody' })).rejects.toMatchObject({ status: 400, param: 'against' });
  await expect(asked({ file, model: 'nobody' })).rejects.toMatchObject({ status: 400, code: 'model_not_found' });
  await expect(asked({ file, epochs: 51 })).rejects.toMatchObject({ status: 400, param: 'epochs' });
});
