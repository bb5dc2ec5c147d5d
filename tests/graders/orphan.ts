/** A server's part in a test: grades by an endless loop until it is killed. Its argument is the cache folder. */

import { PythonGrading } from '../../src/graders/python/grading.ts';

const python = new PythonGrading(process.argv[2]!);
const subject = { item: {}, sample: {} };
const signal = new AbortController().signal;
const source =
  'turns = 0\ndef grade(sample, item):\n  global turns\n  turns += 1\n  while turns > 1: pass\n  return 1.0';
await python.grade(source, subject, signal);
process.stdout.write('looping\n');
await python.grade(source, subject, signal);
