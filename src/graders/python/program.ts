/**
 * What runs inside the sandbox: Pyodide with everything taken away that leads out of it.
 *
 * It is kept as text, because the process that runs it may read no file but Pyodide's own, which rules out both our
 * sources and the loader that would turn them into JavaScript. It reads its settings from the last argument, says
 * `ready` (or hands over a memory snapshot, if it was started to make one), and then answers one grading at a time.
 */

import type { PythonSandboxSettings } from './sandbox.ts';

export type SandboxReport =
  | { readonly type: 'ready' }
  | { readonly type: 'snapshot'; readonly base64: string }
  /** What the harness returned: JSON with `score` or `error`. */
  | { readonly type: 'graded'; readonly outcome: string }
  /** Pyodide itself broke; nothing more will come of this process. */
  | { readonly type: 'broken'; readonly message: string };

export interface SandboxOrder {
  readonly source: string;
  /** JSON of the subject. */
  readonly subject: string;
}

export interface SandboxStart extends PythonSandboxSettings {
  readonly makesSnapshot: boolean;
}

export const sandboxProgram = String.raw`
import fs from 'node:fs';

const { process } = globalThis;
const settings = JSON.parse(process.argv.pop()); // left there, it would be the program's name in Python's environment
const send = process.send.bind(process);
const exit = process.reallyExit.bind(process);
const listen = process.on.bind(process, 'message');
process.on('disconnect', () => exit(0));

// Pyodide asks for the constants of the file system, and the permission model forbids the way it asks.
process.binding = () => ({ fs: fs.constants });

// Python then sees a MemoryError, as on a small machine.
const grow = WebAssembly.Memory.prototype.grow;
WebAssembly.Memory.prototype.grow = function (pages) {
  if (this.buffer.byteLength + pages * 65536 > settings.memoryBytesMax) throw new RangeError('no more memory');
  return grow.call(this, pages);
};

const { loadPyodide } = await import(settings.pyodide.url + 'pyodide.mjs');
const silent = () => {};
const python = await loadPyodide({
  indexURL: settings.pyodide.folder,
  stdout: silent,
  stderr: silent,
  env: { HOME: '/home/pyodide' },
  ...(settings.makesSnapshot ? { _makeSnapshot: true } : {}),
  ...(settings.snapshot === null ? {} : { _loadSnapshot: fs.readFileSync(settings.snapshot) }),
});

if (settings.makesSnapshot) {
  const base64 = Buffer.from(python.makeMemorySnapshot()).toString('base64');
  send({ type: 'snapshot', base64 }, () => exit(0));
} else {
  const grade = python.runPython(settings.harness);
  for (const name of ['js', 'pyodide_js']) python.unregisterJsModule(name);
  for (const name of ['fetch', 'process', 'require', 'WebSocket', 'Buffer', 'XMLHttpRequest', 'EventSource', 'Worker'])
    delete globalThis[name];
  // Python can reach the constructors of its own lists and errors. What all objects share takes no new properties and
  // no getters, so that nothing of Python's is called with an object of Node's; and the process has lost its tools.
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    const value = Object.getOwnPropertyDescriptor(globalThis, name)?.value;
    if (typeof value !== 'function') continue;
    if (value === Error) Object.defineProperty(Error, 'prepareStackTrace', { value: undefined, writable: false });
    for (const shared of [value, value.prototype]) if (shared !== undefined && shared !== null) Object.seal(shared);
  }
  for (const name of ['kill', '_kill', 'dlopen', 'abort', 'reallyExit', 'chdir', 'umask', 'getBuiltinModule', '_linkedBinding',
    '_debugProcess', '_debugEnd', '_getActiveHandles', '_getActiveRequests', 'binding', 'loadEnvFile', 'report', 'mainModule'])
    try { Object.defineProperty(process, name, { value: undefined, writable: false, configurable: false }); } catch {}
  listen(({ source, subject }) => {
    try {
      const outcome = String(grade(source, subject));
      if (outcome.length > 100_000) throw new RangeError('the outcome is too long');
      send({ type: 'graded', outcome });
    } catch (error) {
      send({ type: 'broken', message: String(error?.message ?? error).slice(0, 2000) });
    }
  });
  send({ type: 'ready' });
}
`;

/** Runs in Python: one grading from JSON to JSON. A grader's every failure is an answer here, even \`sys.exit\`. */
export const sandboxHarness = String.raw`
import json, math, sys, traceback, types

for _name in [name for name in sys.modules if name == "js" or name.startswith(("js.", "pyodide_js"))]:
    del sys.modules[_name]


def _ratio(a, b, *, processor=None, score_cutoff=None):
    """rapidfuzz.fuzz.ratio: the common subsequence twice over both lengths, from 0 to 100."""
    if a is None or b is None:
        return 0.0
    if processor is not None:
        a, b = processor(a), processor(b)
    if len(a) + len(b) == 0:
        return 100.0
    places = {}
    for place, letter in enumerate(a):
        places[letter] = places.get(letter, 0) | 1 << place
    every = (1 << len(a)) - 1
    row = every
    for letter in b:
        matches = row & places.get(letter, 0)
        row = ((row + matches) | (row - matches)) & every
    score = 200.0 * (len(a) - row.bit_count()) / (len(a) + len(b))
    return 0.0 if score_cutoff is not None and score < score_cutoff else score


_fuzz = types.ModuleType("rapidfuzz.fuzz", "The one function of rapidfuzz that is here: ratio.")
_fuzz.ratio = _ratio
_rapidfuzz = types.ModuleType("rapidfuzz", "A stand-in for rapidfuzz with fuzz.ratio only.")
_rapidfuzz.fuzz = _fuzz
sys.modules["rapidfuzz"], sys.modules["rapidfuzz.fuzz"] = _rapidfuzz, _fuzz


def _told(error):
    if isinstance(error, ModuleNotFoundError):
        return (
            f"ModuleNotFoundError: No module named {error.name!r}. "
            "Graders of this server have Python's standard library and rapidfuzz.fuzz.ratio."
        )
    frames = error.__traceback__.tb_next if error.__traceback__ else None
    return "".join(traceback.format_exception(type(error), error, frames, limit=-5)).strip()


def _grade(source, subject):
    try:
        subject = json.loads(subject)
        namespace = {"__name__": "grader"}
        exec(compile(source, "<grader>", "exec"), namespace)
        grade = namespace.get("grade")
        if not callable(grade):
            raise TypeError("the source defines no function grade(sample, item)")
        score = grade(subject["sample"], subject["item"])
        if not isinstance(score, (int, float)):
            raise TypeError(f"grade returned {type(score).__name__}, expected a float")
        if not math.isfinite(score):
            raise ValueError(f"grade returned {score}, expected a finite number")
        return json.dumps({"score": float(score)})
    except BaseException as error:
        return json.dumps({"error": _told(error)[:4000]})


_grade
`;
