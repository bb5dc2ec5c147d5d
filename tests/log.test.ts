import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { openLog } from '../src/log.ts';

function written(terminal: boolean, lowest: 'debug' | 'warn' = 'debug') {
  const stream = Object.assign(new PassThrough(), { isTTY: terminal });
  return { log: openLog(lowest, stream), text: () => String(stream.read() ?? '') };
}

test('a line for machines is one JSON object with the time, the level, the event and its facts', () => {
  const { log, text } = written(false);
  log.info('trainer.started', { job: 'ftjob-1', pid: 7 });
  const line = text();
  expect(line.endsWith('}\n')).toBe(true);
  expect(JSON.parse(line)).toEqual({
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    level: 'info',
    event: 'trainer.started',
    job: 'ftjob-1',
    pid: 7,
  });
});

test('a line for people names what matters and quotes what has blanks', () => {
  const { log, text } = written(true);
  log.warn('model.slow', { id: 'a b', ms: 12, none: undefined });
  expect(text()).toMatch(/^\d\d:\d\d:\d\d WARN model\.slow id="a b" ms=12 none=undefined\n$/);
});

test('an error is told with what was behind it', () => {
  const { log, text } = written(false);
  log.error('upload.failed', { error: new Error('no file', { cause: new Error('disk on fire') }) });
  expect((JSON.parse(text()) as { error: string }).error).toMatch(
    /^Error: no file\n[\s\S]*because of Error: disk on fire/,
  );
});

test('lines below the lowest level are not written', () => {
  const { log, text } = written(false, 'warn');
  log.debug('a');
  log.info('b');
  expect(text()).toBe('');
});
