/** Python graders in their sandbox: what they can do, and above all what they cannot. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GradingFailure } from '../../src/graders/failure.ts';
import { PythonGrading } from '../../src/graders/python/grading.ts';

const subject = { item: { answer: 'Paris' }, sample: { output_text: 'It is Paris.' } };

let folder = '';
let python: PythonGrading;
beforeAll(async () => {
  folder = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'python-'));
  python = new PythonGrading(folder, { timeMsMax: 3000, memoryBytesMax: 256 * 2 ** 20, sandboxesMax: 1 });
  await grade('def grade(sample, item): return 0.0');
}, 60_000);
afterAll(async () => {
  await python[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const grade = (source: string, signal = new AbortController().signal) => python.grade(source, subject, signal);

/** What a grader whose body is this says it failed with. */
async function failureOf(source: string): Promise<GradingFailure> {
  const outcome = await grade(source).catch((error: unknown) => error);
  if (outcome instanceof GradingFailure) return outcome;
  throw new Error(`It was graded: ${String(outcome)}`);
}

const details = async (source: string) => (await failureOf(source)).errors.python_grader_runtime_error_details;

/** The body runs as a grader; it returns 1 if what it tries is possible. */
const attempt = (body: string) => details(`def grade(sample, item):\n  ${body.replaceAll('\n', '\n  ')}\n  return 1.0`);

describe('a grader', () => {
  test('sees sample and item, and its number is the score', async () => {
    const source = `
import re, json
def grade(sample, item):
    return 0.75 if re.search(item["answer"], sample["output_text"]) else 0
`;
    expect(await grade(source)).toBe(0.75);
  });

  test('has the ratio of rapidfuzz', async () => {
    const source = `
from rapidfuzz import fuzz
def grade(sample, item):
    return fuzz.ratio("The cat sat on the mat.", "A cat was sitting on a mat.") / 100
`;
    expect(await grade(source)).toBeCloseTo(0.64, 12);
  });

  test('that raises is told its own traceback', async () => {
    expect(await details('def grade(sample, item):\n    return 1 / 0')).toMatch(
      /File "<grader>", line 2, in grade[\s\S]*ZeroDivisionError/,
    );
  });

  test.each([
    ['returns text', 'def grade(sample, item): return "1.0"', /grade returned str, expected a float/],
    ['returns nothing', 'def grade(sample, item): pass', /grade returned NoneType/],
    ['returns infinity', 'def grade(sample, item): return float("inf")', /expected a finite number/],
    ['does not parse', 'def grade(sample, item) return 1', /SyntaxError/],
    ['defines no grade', 'score = 1', /defines no function grade/],
    ['wants a package', 'import numpy', /No module named 'numpy'\. Graders of this server have/],
    ['exits', 'def grade(sample, item):\n  import sys; sys.exit(0)', /SystemExit/],
  ])('that %s fails with the reason', async (_, source, reason) => {
    expect(await details(source)).toMatch(reason);
  });

  test('keeps nothing from one grader for the next', async () => {
    await grade('import builtins\ndef grade(sample, item):\n  builtins.leaked = 1\n  return 1.0');
    expect(await attempt('import builtins; builtins.leaked')).toMatch(/AttributeError/);
  });
});

describe('out of reach are', () => {
  test('the files of this machine', async () => {
    const secret = join(folder, 'secret.txt');
    await writeFile(secret, 'secret');
    expect(await attempt(`open(${JSON.stringify(secret)}).read()`)).toMatch(/FileNotFoundError/);
    expect(await attempt('open("/etc/passwd").read()')).toMatch(/FileNotFoundError/);
  });

  test('its environment', async () => {
    process.env['TUNESMITH_TEST_SECRET'] = 'secret';
    expect(await attempt('import os; os.environ["TUNESMITH_TEST_SECRET"]')).toMatch(/KeyError/);
  });

  test('the network, even loopback', async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.end('secret');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const connect = `import socket; s = socket.create_connection(("127.0.0.1", ${port}), 2); s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n"); s.recv(1)`;
    await expect(attempt(connect)).resolves.toMatch(/OSError|BlockingIOError|TimeoutError/);
    expect(
      await attempt(`from urllib.request import urlopen; urlopen("http://127.0.0.1:${port}/").read()`),
    ).toBeTruthy();
    server.close();
    expect(asked).toBe(0);
  });

  test('other programs', async () => {
    const failure = await failureOf('import os\ndef grade(sample, item):\n  return float(os.system("true") == 0)');
    expect(failure.message).toMatch(/restricted|broke/i);
    expect(await attempt('import subprocess; subprocess.run(["true"])')).toBeTruthy();
  });

  test.each([
    ['import js', /No module named 'js'/],
    ['import pyodide_js', /No module named 'pyodide_js'/],
    ['from pyodide.code import run_js; run_js("1")', /Error/],
    ['from pyodide.ffi import to_js; to_js([]).constructor.constructor("return process")()', /disallowed/],
    ['from pyodide.ffi import create_proxy; create_proxy(print).constructor.constructor("return 1")()', /Error/],
    ['from pyodide.ffi import to_js; to_js({}).constructor.constructor("return globalThis")()', /disallowed/],
    ['from pyodide.http import pyfetch; import asyncio; asyncio.run(pyfetch("http://127.0.0.1/"))', /Error/],
  ])('JavaScript: %s', async (body, reason) => {
    expect(await attempt(body)).toMatch(reason);
  });
});

describe('limits', () => {
  test('an endless loop is stopped in time, and the next grading works', async () => {
    const started = performance.now();
    const { errors } = await failureOf('def grade(sample, item):\n  while True: pass');
    expect(errors).toMatchObject({ unresponsive_reward_error: true, python_grader_runtime_error: true });
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(await grade('def grade(sample, item): return 1.0')).toBe(1);
  });

  test('memory ends in a MemoryError, not on this machine', async () => {
    expect(await attempt('x = []\nwhile True: x.append(bytearray(2 ** 24))')).toMatch(/MemoryError/);
  });

  test('endless recursion is an error', async () => {
    expect(await attempt('f = lambda n: f(n + 1)\nf(0)')).toMatch(/RecursionError|stack/);
  });

  test('a process that ends in the middle fails that grading alone', async () => {
    const failure = await failureOf('import os\ndef grade(sample, item):\n  os.abort()\n  return 1.0');
    expect(failure.errors.python_grader_server_error || failure.errors.python_grader_runtime_error).toBe(true);
    expect(await grade('def grade(sample, item): return 1.0')).toBe(1);
  });

  test('an aborted grading ends at once', async () => {
    const stop = new AbortController();
    const graded = grade('def grade(sample, item):\n  while True: pass', stop.signal);
    setTimeout(() => stop.abort(), 300);
    const started = performance.now();
    await expect(graded).rejects.toMatchObject({ name: 'AbortError' });
    expect(performance.now() - started).toBeLessThan(2500);
  });
});
