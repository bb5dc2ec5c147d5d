import { expect, test } from 'vitest';
import { Progress, eventLine } from '../../src/cli/job-view.ts';
import { pullView } from '../../src/cli/pull-view.ts';
import { Terminal, formatBytes, formatDuration, formatTime, record, table } from '../../src/cli/terminal.ts';

const step = (number: number, seconds: number, more: Record<string, number> = {}) => ({
  id: `ftevent-${number}`,
  object: 'fine_tuning.job.event' as const,
  created_at: 1000 + seconds,
  level: 'info' as const,
  type: 'metrics' as const,
  message: `Step ${number}/90: training loss=0.50`,
  data: { step: number, total_steps: 90, train_loss: 0.5, train_mean_token_accuracy: 0.9, ...more },
});

function terminalWith(isTTY: boolean): { terminal: Terminal; written: () => string } {
  let text = '';
  const stream = { isTTY, columns: 40, write: (piece: string | Uint8Array) => void (text += piece.toString()) };
  return { terminal: new Terminal({ stdout: stream, stderr: stream }, { json: false }), written: () => text };
}

test('the live line keeps the newest validation loss and tells the time left from the steps so far', () => {
  const progress = new Progress();
  expect(progress.line(step(10, 0))).toBe('━━────────────────── step 10/90  loss 0.500');
  progress.line(step(20, 20, { valid_loss: 0.4, tokens_per_second: 512.4 }));
  // 20 steps in 40 s, 60 to go: 120 s
  expect(progress.line(step(30, 40, { tokens_per_second: 500 }))).toBe(
    '━━━━━━━───────────── step 30/90  loss 0.500  validation 0.400  500 tokens/s  2:00 left',
  );
});

test('an event of a service without our extra numbers is shown all the same', () => {
  expect(new Progress().line({ ...step(1, 0), data: {} })).toBe('Step 1/90: training loss=0.50');
  expect(eventLine(step(1, 0))).toMatch(/^\d\d:\d\d {2}info {3}Step 1\/90: training loss=0\.50$/);
});

test('a live line is redrawn on a terminal under what is written, and never written elsewhere', () => {
  const { CI } = process.env;
  delete process.env['CI'];
  const person = terminalWith(true);
  person.terminal.live('half way');
  person.terminal.data('a line');
  person.terminal.live('');
  expect(person.written()).toBe('half way\r\u001b[2Ka line\nhalf way\r\u001b[2K');
  if (CI !== undefined) process.env['CI'] = CI;

  const pipe = terminalWith(false);
  pipe.terminal.live('half way');
  pipe.terminal.data('a line');
  expect(pipe.written()).toBe('a line\n');
});

test('tables align, numbers to the right, and have no lines around them', () => {
  const rows = [
    ['one', 5],
    ['three', 12],
  ];
  expect(table(['NAME', 'N'], rows)).toBe('NAME    N\none     5\nthree  12');
  expect(table(['NAME', 'N'], [])).toBe('NAME  N');
});

test('records leave out what there is not', () => {
  expect(record({ id: 'a', nothing: null, created: '', size: 3 })).toBe('id    a\nsize  3');
});

test('sizes, times and durations read well', () => {
  expect([0, 999, 1000, 98_362_432, 5e12].map(formatBytes)).toEqual(['0 B', '999 B', '1.0 KB', '98.4 MB', '5.0 TB']);
  expect([0, 59_400, 60_000, 185_000, 3_730_000].map(formatDuration)).toEqual([
    '0 s',
    '59 s',
    '1:00',
    '3:05',
    '1:02:10',
  ]);
  expect(formatTime(null)).toBeNull();
  expect(formatTime(1_700_000_000)).toMatch(/^2023-11-1\d \d\d:\d\d$/);
});

test('a pull tells which source is tried and why one failed, in plain lines where nobody watches', () => {
  const { terminal, written } = terminalWith(false);
  const show = pullView(terminal);
  show({ type: 'trying', source: 'hub:a/b' });
  show({ type: 'failed', source: 'hub:a/b', reason: 'no network' });
  show({ type: 'trying', source: 'wheel:c' });
  show({ type: 'progress', source: 'wheel:c', receivedBytes: 10, totalBytes: 100 });
  show({ type: 'checking', source: 'wheel:c' });
  expect(written()).toBe('Trying hub:a/b\n  did not work: no network\nTrying wheel:c\nChecking the file\n');
});
