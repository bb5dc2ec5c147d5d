/** Files that the server makes to begin with, for whoever has no data of their own. Tunesmith's own. */

import type { FileObject } from './file.ts';

export const sampleNames = ['spam'] as const;
export type SampleName = (typeof sampleNames)[number];

export interface SampleFiles {
  readonly object: 'sample_files';
  readonly name: SampleName;
  /** What is in them, for people. */
  readonly description: string;
  readonly training_file: FileObject;
  readonly validation_file: FileObject;
  readonly test_file: FileObject;
}
