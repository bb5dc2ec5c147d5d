/** Python graders in their sandbox: what they can do, and above all what they cannot. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GradingFailure } from '../../src/graders/failure.ts';
import { PythonGrading } from '../../src/graders/python/grading.ts';

const subject = { item: { answer: 'Paris' }, sample: { output_text: 'It is Paris.' } };

const memoryBytesMax = 256 * 2 ** 20;

let folder = '';
let python: PythonGrading;
beforeAll(async () => {
  folder = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'python-'));
  python = new PythonGrading(folder, { memoryBytesMax, sandboxesMax: 1 });
  await grade('def grade(sample, item): return 0.0');
}, 60_000);
afterAll(async () => {
  await python[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const grade = (source: string, signal = new AbortController().signal) => python.grade(source, subject, signal);

/** What a grading failed with. */
async function failureOf(source: string, by = python): Promise<GradingFailure> {
  const outcome = await by.grade(source, subject, new AbortController().signal).catch((error: unknown) => error);
  if (outcome instanceof GradingFailure) return outcome;
  throw new Error(`It was graded: ${String(outcome)}`);
}

const details = async (source: string) => (await failureOf(source)).errors.python_grader_runtime_error_details;

/** What becomes of each of these statements in one grader: the error, or "done". */
async function attempts(...statements: readonly string[]): Promise<string[]> {
  const source = `
import json
def attempt(code):
    try:
        exec(code, {})
        return "done"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
def grade(sample, item):
    raise RuntimeError(json.dumps([attempt(code) for code in ${JSON.stringify(statements)}]))
`;
  const text = (await details(source))!;
  return JSON.parse(text.slice(text.indexOf('RuntimeError: ') + 'RuntimeError: '.length)) as string[];
}

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
    ['returns text', '"1.0"', /grade returned str, expected a float/],
    ['returns nothing', 'None', /grade returned NoneType/],
    ['returns infinity', 'float("inf")', /expected a finite number/],
    ['wants a package', '__import__("numpy")', /No module named 'numpy'\. Graders of this server have/],
    ['exits', '__import__("sys").exit(0)', /SystemExit/],
  ])('that %s fails with the reason', async (_, value, reason) => {
    const source = 'def grade(sample, item): return eval(item["value"])'; // one source, so one process for all of them
    const graded = python.grade(source, { item: { value }, sample: {} }, new AbortController().signal);
    await expect(graded).rejects.toMatchObject({
      errors: { python_grader_runtime_error: true, python_grader_runtime_error_details: expect.stringMatching(reason) },
    });
  });

  test.each([
    ['does not parse', 'def grade(sample, item) return 1', /SyntaxError/],
    ['defines no grade', 'score = 1', /defines no function grade/],
  ])('that %s fails with the reason', async (_, source, reason) => {
    expect(await details(source)).toMatch(reason);
  });

  test('grades many at a time with few processes', async () => {
    const before = childrenOf(process.pid).length;
    const sources = Array.from({ length: 6 }, (_, i) => `def grade(sample, item): return ${i % 3}.5`);
    const scores = Promise.all(sources.map((source) => grade(source)));
    await sleep(300);
    expect(childrenOf(process.pid).length).toBeLessThanOrEqual(before + 1);
    expect(await scores).toEqual([0.5, 1.5, 2.5, 0.5, 1.5, 2.5]);
  });

  test('cannot answer with more than a score', async () => {
    const source = 'import json\njson.dumps = lambda value: "x" * 2 ** 22\ndef grade(sample, item): return 1.0';
    expect((await failureOf(source)).message).toMatch(/too long/);
  });

  test('keeps nothing from one grader for the next', async () => {
    await grade('import builtins\ndef grade(sample, item):\n  builtins.leaked = 1\n  return 1.0');
    expect(await attempts('import builtins; builtins.leaked')).toEqual([expect.stringMatching(/AttributeError/)]);
  });
});

describe('out of reach are', () => {
  test('files, environment, programs, and ways into JavaScript', async () => {
    const secret = join(folder, 'secret.txt');
    await writeFile(secret, 'secret');
    process.env['TUNESMITH_TEST_SECRET'] = 'secret';
    const tries: Readonly<Record<string, RegExp>> = {
      [`open(${JSON.stringify(secret)}).read()`]: /FileNotFoundError/,
      'open("/etc/passwd").read()': /FileNotFoundError/,
      'open("/proc/self/environ").read()': /Error/,
      'import os; os.environ["TUNESMITH_TEST_SECRET"]': /KeyError/,
      'import subprocess; subprocess.run(["true"])': /Error/,
      'import os; os.fork()': /Error/,
      'import threading; threading.Thread(target=print).start()': /can't start new thread/,
      'import js': /No module named 'js'/,
      'import pyodide_js': /No module named 'pyodide_js'/,
      'from pyodide.code import run_js; run_js("1")': /Error/,
      'from pyodide.ffi import to_js; to_js([]).constructor.constructor("return process")()': /disallowed/,
      'from pyodide.ffi import to_js; to_js({}).constructor.constructor("return globalThis")()': /disallowed/,
      'from pyodide.ffi import create_proxy; create_proxy(print).constructor.constructor("return 1")()': /Error/,
      'from pyodide.ffi import to_js; to_js(len).constructor("return process")()': /Error/,
      'from pyodide.ffi import to_js; to_js({}).constructor.prototype.__defineGetter__("spy", print)': /not extensible/,
      'from pyodide.ffi import to_js; to_js({}).constructor.prototype.spy = print': /not extensible/,
      'from pyodide.ffi import to_js; to_js([]).constructor.prototype.__defineGetter__("push", print)': /redefine/,
      'from pyodide.ffi import to_js; to_js([]).constructor.__proto__.__defineGetter__("spy", print)': /not extensible/,
      [`from pyodide.ffi import to_js, JsException
try:
  to_js([]).reduce(1)
except JsException as error:
  error.constructor.__proto__.prepareStackTrace = print`]: /read only/,
      'import gc; [o for o in gc.get_objects() if type(o).__name__ == "JsProxy"][0]': /IndexError/,
    };
    const outcomes = await attempts(...Object.keys(tries));
    for (const [i, [statement, expected]] of Object.entries(tries).entries())
      expect(outcomes[i], statement).toMatch(expected);
    const [told] = await attempts('import os, sys; raise Exception(dict(os.environ), sys.argv, sys.executable)');
    expect(told).toMatch(/^Exception: .*HOME/);
    expect(told).not.toMatch(/node_modules|harness/);
  });

  test('the network, even loopback', async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.end('secret');
    });
    server.on('connection', () => (asked += 1));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const outcomes = await attempts(
      `import socket; s = socket.create_connection(("127.0.0.1", ${port}), 2); s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n"); s.recv(1)`,
      `from urllib.request import urlopen; urlopen("http://127.0.0.1:${port}/").read()`,
      `from pyodide.http import open_url; open_url("http://127.0.0.1:${port}/")`,
      `from pyodide.http import pyfetch; import asyncio; asyncio.run(pyfetch("http://127.0.0.1:${port}/"))`,
    );
    server.close();
    expect(outcomes).toEqual(outcomes.map(() => expect.stringMatching(/Error/)));
    expect(asked).toBe(0);
  });

  test('the shell, which ends the sandbox', async () => {
    const failure = await failureOf('import os\ndef grade(sample, item):\n  return float(os.system("true") == 0)');
    expect(failure.message).toMatch(/restricted|broke/i);
  });
});

describe('limits', () => {
  test('an endless loop is stopped in time, and the next grading works', async () => {
    await using hasty = new PythonGrading(folder, { timeMsMax: 300 });
    const { errors } = await failureOf('def grade(sample, item):\n  while True: pass', hasty);
    expect(errors).toMatchObject({ unresponsive_reward_error: true, python_grader_runtime_error: true });
    const signal = new AbortController().signal;
    await expect(hasty.grade('def grade(sample, item): return 1.0', subject, signal)).resolves.toBe(1);
  });

  test('memory ends in a MemoryError, not on this machine', async () => {
    const source = 'x = []\ndef grade(sample, item):\n  while True: x.append(bytearray(2 ** 24))';
    expect(await details(source)).toMatch(/MemoryError/);
  });

  test('what is written into its own files counts as memory too', async () => {
    const body = '  with open("/tmp/x", "wb") as f:\n    while True: f.write(bytes(2 ** 24))';
    expect(await details(`def grade(sample, item):\n${body}`)).toMatch(/MemoryError|more than 256 MB|No space|OSError/);
  });

  test('endless recursion is an error', async () => {
    expect(await details('def grade(sample, item): return grade(sample, item)')).toMatch(/RecursionError|stack/);
  });

  test('a process that ends in the middle fails that grading alone', async () => {
    const failure = await failureOf('import os\ndef grade(sample, item):\n  os.abort()\n  return 1.0');
    expect(failure.errors.python_grader_server_error || failure.errors.python_grader_runtime_error).toBe(true);
    expect(await grade('def grade(sample, item): return 1.0')).toBe(1);
  });

  test.skipIf(!existsSync('/usr/bin/setpriv'))('a loop does not outlive a server that was killed', async () => {
    const tsx = createRequire(import.meta.url).resolve('tsx');
    const words = ['--import', tsx, join(import.meta.dirname, 'orphan.ts'), folder];
    const server = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(server.stdout, 'data');
    const [loop] = childrenOf(server.pid!);
    expect(loop).toBeDefined();
    server.kill('SIGKILL');
    for (let i = 0; isRunning(loop!); i++) {
      expect(i, 'it lingers').toBeLessThan(200);
      await sleep(20);
    }
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

function childrenOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.filter(([, parent]) => parent === pid).map(([child]) => child!);
}

/** A process that nobody has buried yet is over all the same. */
function isRunning(pid: number): boolean {
  const lines = execFileSync('ps', ['-eo', 'pid=,stat='], { encoding: 'utf8' }).trim().split('\n');
  return lines.some((line) => Number.parseInt(line, 10) === pid && !line.includes('Z'));
}
