/**
 * The importer: makes a GGUF of one checkpoint folder, in a process of its own because the folder is a stranger's.
 *
 *   main <folder> <path of the GGUF>      lines on stdout: {"done": 3, "total": 61}, at the end {"ok": true}
 */

import { TunesmithError } from '../../domain/errors.ts';
import { convertCheckpoint } from './convert.ts';
import type { ImportLine } from './import.ts';

const say = (line: ImportLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

try {
  await convertCheckpoint(process.argv[2]!, process.argv[3]!, (done, total) => say({ done, total }));
  say({ ok: true });
} catch (error) {
  if (!(error instanceof TunesmithError)) throw error;
  say({ ok: false, message: error.message, code: error.code });
}
