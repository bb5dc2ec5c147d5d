/** Base models as the dashboard and other clients see them: those of this machine, and those that could be fetched. */

export type BaseModelStatus = 'installed' | 'available' | 'damaged';

export interface BaseModelObject {
  readonly object: 'base_model';
  readonly id: string;
  readonly name: string;
  readonly status: BaseModelStatus;
  readonly family: string;
  readonly parameters: number;
  readonly context_tokens: number;
  /** Of its file; of what can be fetched it may be an estimate. */
  readonly size_bytes: number;
  readonly licence: string;
  /** Where it came from, or the places that are asked, in order. */
  readonly sources: readonly string[];
  /** Commit on the hub, where it came from there. */
  readonly revision: string | null;
  /** Null for a file whose checksum is not known before it is here. */
  readonly sha256: string | null;
  /** The unquantised original on the hub. */
  readonly original: string | null;
  /** Since when it is here. */
  readonly created_at: number | null;
  /** Why it only answers and cannot be trained; null where it can. */
  readonly serving_only: string | null;
  /** Whether it tells labels apart instead of writing; null where that is not known before it is here. */
  readonly encoder: boolean | null;
  /** How many fine-tuned models of this project stand on it. */
  readonly fine_tunes: number;
  /** What is wrong with a damaged one. */
  readonly problem: string | null;
}

/** A file of an export. */
export interface ExportedFile {
  /** May have folders in it: `gguf/model.gguf`. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** How an export's answers compare with those of the model itself. */
export interface ExportTest {
  /** Questions. */
  readonly probes: number;
  /** Answers that are the same, token for token. */
  readonly sameAnswers: number;
  readonly tokens: number;
  readonly sameTokens: number;
}

/** What came of a task of the type `export`. */
export interface ExportTaskResult {
  readonly model: string;
  readonly format: string;
  readonly precision: string;
  readonly files: readonly ExportedFile[];
  /** By file that was loaded again and asked. */
  readonly tested: Readonly<Record<string, ExportTest>>;
}

/** What came of a task of the type `pull`. */
export interface PullTaskResult {
  readonly model: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly source: string;
}
