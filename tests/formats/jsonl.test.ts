import { writeFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLines, type Line, type LineOptions } from '../../src/formats/jsonl.ts';
import { temporaryFolder } from './folder.ts';

async function linesOf(bytes: Uint8Array | string, options?: LineOptions): Promise<Line[]> {
  await using folder = await temporaryFolder();
  await writeFile(folder.file('lines.jsonl'), bytes);
  const lines: Line[] = [];
  for await (const line of readLines(folder.file('lines.jsonl'), options)) lines.push(line);
  return lines;
}

const texts = (lines: Line[]): string[] => lines.map((line) => line.text);

test('lines are numbered from 1; blank ones are lines, what follows the last line ending is not', async () => {
  expect(await linesOf('{"a":1}\n\n{"b":2}\n')).toEqual([
    { line: 1, text: '{"a":1}', fault: null },
    { line: 2, text: '', fault: null },
    { line: 3, text: '{"b":2}', fault: null },
  ]);
  expect(await linesOf('')).toEqual([]);
  expect(texts(await linesOf('a\nb'))).toEqual(['a', 'b']);
});

test('a byte order mark and Windows line endings are not part of the text', async () => {
  expect(texts(await linesOf('\uFEFFa\r\nb\r\n'))).toEqual(['a', 'b']);
  expect(texts(await linesOf('a\n\uFEFFb'))).toEqual(['a', '\uFEFFb']);
});

test('a line that is no UTF-8 is reported in its place and reading goes on', async () => {
  const lines = await linesOf(Buffer.concat([Buffer.from('a\n'), Buffer.from([0xff, 0xfe, 10]), Buffer.from('c')]));
  expect(lines[1]).toEqual({ line: 2, text: '', fault: 'not_utf8' });
  expect(lines[2]).toEqual({ line: 3, text: 'c', fault: null });
});

test('a line longer than allowed is reported in its place, whether it fits one chunk or not', async () => {
  for (const length of [11, 1_000_000]) {
    const lines = await linesOf(`${'x'.repeat(10)}\n${'y'.repeat(length)}\nz\n`, { bytesMax: 10 });
    expect(lines.map((line) => line.fault)).toEqual([null, 'too_long', null]);
    expect(lines[2]).toEqual({ line: 3, text: 'z', fault: null });
  }
});

test('lines and characters that span chunks arrive whole', async () => {
  const long = '🌲é'.repeat(200_000);
  expect(texts(await linesOf(`${long}\n${long}x\n`))).toEqual([long, `${long}x`]);
});

test('splitting and joining are inverse', async () => {
  const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/[\r\n\uFEFF]/gu, ''));
  await fc.assert(
    fc.asyncProperty(fc.array(line), async (lines) => {
      expect(texts(await linesOf(lines.map((text) => `${text}\n`).join('')))).toEqual(lines);
    }),
    { numRuns: 60 },
  );
});

test('a signal ends the reading', async () => {
  await expect(linesOf('a\n'.repeat(100), { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
});
