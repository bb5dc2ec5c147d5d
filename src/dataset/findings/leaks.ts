/** Examples that a held-out file shares with another: the model has seen the questions of its exam. */

import { countOf, finding, type DataRole, type Finding } from './finding.ts';

export interface Leak {
  /** The whole example, its question with another answer, or an example or a question that is nearly the same. */
  readonly kind: 'exact' | 'prompt' | 'near';
  readonly file: DataRole;
  readonly line: number;
  readonly other: DataRole;
  readonly otherLine: number;
  readonly text: string;
}

const told = {
  exact: { code: 'leakage', severity: 'error', what: 'also standing' },
  prompt: { code: 'prompt_leakage', severity: 'error', what: 'with a question that stands, answered otherwise,' },
  near: { code: 'near_leakage', severity: 'warning', what: 'nearly the same as one, or asking nearly the same,' },
} as const;

const samplesMax = 3;

/** One finding for each kind and pair of files. */
export function leaks(all: readonly Leak[], similarity: number): Finding[] {
  const groups = new Map<string, Leak[]>();
  for (const leak of all) {
    const key = `${leak.kind} ${leak.file} ${leak.other}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [leak]);
    else group.push(leak);
  }
  return [...groups.values()].map((group) => {
    const { kind, file, other } = group[0]!;
    const { code, severity, what } = told[kind];
    const sorted = group.toSorted((a, b) => a.line - b.line);
    return finding({
      code,
      severity,
      file,
      message: `${countOf(group.length, 'example')} of the ${file} file ${what} in the ${other} file`,
      lines: sorted.map(({ line }) => line),
      counterparts: { file: other, lines: sorted.map(({ otherLine }) => otherLine) },
      samples: sorted
        .slice(0, samplesMax)
        .map(({ line, otherLine, text }) => ({ line, text: `(line ${otherLine} there) ${text}` })),
      figures: kind === 'near' ? { similarity } : {},
      advice: `What the model was trained on measures nothing. Take them out of one file, or split anew: "tunesmith data split".`,
    });
  });
}
