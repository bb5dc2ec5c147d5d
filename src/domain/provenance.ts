/** What exactly a job was made of and what came out of it, by the hashes of their bytes. Ours; OpenAI has none. */

import type { LineageFile } from './lineage.ts';

export interface JobProvenance {
  readonly object: 'fine_tuning.job.provenance';
  readonly job: string;
  readonly data: readonly LineageFile[];
  /** The weights that were trained on; null before the files are validated. */
  readonly base: { readonly id: string; readonly sha256: string } | null;
  /** What was made, file by file; null where there is no model, or it was deleted. */
  readonly model: { readonly id: string; readonly files: readonly HashedFile[] } | null;
}

export interface HashedFile {
  readonly name: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}
