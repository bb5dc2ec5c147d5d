/** Findings of whole files: a training file, and what is held out from it. */

import { isError } from '../problem.ts';
import { readTextRows } from '../text-rows.ts';
import type { DataRole, Finding } from './finding.ts';
import { Findings } from './findings.ts';

export interface NamedFile {
  readonly role: DataRole;
  readonly file: string;
}

export interface FindingsReport {
  readonly files: readonly (NamedFile & {
    readonly examples: number;
    readonly faulty: number;
    readonly withImages: number;
  })[];
  readonly findings: readonly Finding[];
}

export interface ExamineOptions {
  /** From which on two texts are nearly the same, up to 1. */
  readonly similarity?: number;
  readonly signal?: AbortSignal;
  /** Told how many bytes of a file were read so far. */
  readonly onProgress?: (file: NamedFile, bytes: number) => void;
  /** Told when all is read, and what is left to do takes a while. */
  readonly onCompare?: () => void;
}

/** The training file comes first. */
export async function examineFiles(
  files: readonly NamedFile[],
  { similarity, signal, onProgress, onCompare }: ExamineOptions = {},
): Promise<FindingsReport> {
  const found = await Findings.open({
    across: files.length > 1,
    ...(similarity !== undefined && { similarity }),
    ...(signal !== undefined && { signal }),
  });
  const read = [];
  for (const named of files) {
    const { role, file } = named;
    let [examples, faulty, withImages] = [0, 0, 0];
    const onBytes = (bytes: number): void => onProgress?.(named, bytes);
    for await (const row of readTextRows(file, { ...(signal !== undefined && { signal }), onProgress: onBytes })) {
      examples += 1;
      if (row.problems.some(isError)) faulty += 1;
      else if (row.checked === null) withImages += 1;
      found.see(role, row);
    }
    read.push({ role, file, examples, faulty, withImages });
  }
  onCompare?.();
  return { files: read, findings: await found.findings() };
}
