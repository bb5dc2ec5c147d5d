/** What is asked of an export, and how its parts are called on disk. */

import { join } from 'node:path';
import type { Message } from '../domain/example.ts';
import { writeAtomically } from '../formats/atomic-write.ts';
import type { ServedModel } from '../models/registry.ts';
import type { ExportType } from './pack.ts';
import type { Story } from './story.ts';

export const exportForms = ['gguf', 'safetensors', 'peft', 'ollama', 'folder'] as const;
export type ExportForm = (typeof exportForms)[number];

export interface ExportOptions {
  readonly model: ServedModel;
  readonly story: Story | null;
  /** Conversations to ask from, up to where the assistant speaks. */
  readonly conversations: readonly (readonly Message[])[];
  readonly form: ExportForm;
  /** The adapter by itself, for forms that can be either. */
  readonly adapterOnly: boolean;
  readonly type: ExportType;
  /** The folder that is to appear. */
  readonly path: string;
  /** Whether an earlier export there may be replaced. */
  readonly force: boolean;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onProgress: (what: string, done: number, total: number) => void;
}

export const sumsFile = 'SHA256SUMS';
export const factsFile = 'export.json';

/** What will appear, while it is written. */
export const outOf = (draft: string): string => join(draft, 'export');

export const writeText = (path: string, text: string): Promise<void> => writeAtomically(path, [Buffer.from(text)]);
