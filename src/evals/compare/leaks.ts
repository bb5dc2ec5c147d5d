/** Questions of a test that a training file has as well, found as `tunesmith data findings` finds them. */

import { Duplicates } from '../../dataset/findings/duplicates.ts';
import type { Finding } from '../../dataset/findings/finding.ts';
import { partsOf } from '../../dataset/parts.ts';
import { readRows } from '../../dataset/rows.ts';
import type { TrainingFile } from './gather.ts';

export interface Leaks {
  readonly training: string;
  readonly findings: readonly Finding[];
}

/** For each training file that shares something with the test. */
export async function leaksBetween(
  trainingFiles: readonly TrainingFile[],
  test: string,
  signal: AbortSignal,
): Promise<Leaks[]> {
  const all: Leaks[] = [];
  for (const { name, path } of trainingFiles) {
    const duplicates = new Duplicates({ across: true, signal });
    for (const [file, from] of [
      ['training', path],
      ['test', test],
    ] as const) {
      // prettier-ignore
      for await (const { line, checked } of readRows(from, { signal, images: false })) {
        if (checked !== null) duplicates.see({ file, line, format: checked.format, parts: partsOf(checked) });
      }
    }
    const findings = (await duplicates.findings()).filter(
      ({ code, file }) => code.endsWith('leakage') && file === 'test',
    );
    if (findings.length > 0) all.push({ training: name, findings });
  }
  return all;
}
