/** Fine-tuned models with where they come from, and what has become of them: data → job → model → evals. */

/** A fine-tuned model or a checkpoint of one. */
export interface FineTunedModelObject {
  readonly object: 'fine_tuned_model';
  readonly id: string;
  readonly created_at: number;
  /** The base as its job named it, and the base model on this machine that it stood for. */
  readonly base: string;
  readonly base_model: string;
  readonly base_installed: boolean;
  readonly job: string;
  /** The step whose weights these are. */
  readonly step: number | null;
  /** Whether it is an earlier checkpoint, and not what the job ended with. */
  readonly is_checkpoint: boolean;
  /** What lies on the disk for it; a checkpoint that shares its files with another counts them again. */
  readonly size_bytes: number;
  readonly kind: 'adapter' | 'whole';
  /** Whether it tells labels apart instead of writing. */
  readonly encoder: boolean;
  /** As they stood at its step. */
  readonly metrics: Readonly<Record<string, number>>;
  /** How it did on its job's validation file, where it was judged: a figure with its interval by name. */
  readonly task_metrics: TaskMetricsObject | null;
  /** Whether it belongs to another project, which lets this one use it. */
  readonly lent: boolean;
}

export interface TaskMetricsObject {
  readonly task: string;
  readonly count: number;
  readonly figures: Readonly<Record<string, TaskFigureObject>>;
}

/** A figure with its 95 % interval. */
export interface TaskFigureObject {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Too few cases for the interval to be more than a hint. */
  readonly small?: boolean;
}

export interface LineageFile {
  readonly role: 'training' | 'validation';
  readonly id: string;
  /** Null for a file that was deleted since. */
  readonly filename: string | null;
  readonly bytes: number | null;
  readonly sha256: string | null;
}

export interface LineageJob {
  readonly id: string;
  readonly status: string;
  readonly method: string;
  readonly created_at: number;
  readonly finished_at: number | null;
  readonly trained_tokens: number | null;
}

export interface LineageEval {
  readonly eval: string;
  readonly run: string;
  readonly name: string;
  readonly status: string;
  readonly created_at: number;
  readonly passed: number;
  readonly total: number;
}

export interface LineageExport {
  readonly task: string;
  readonly format: string;
  readonly status: string;
  readonly created_at: number;
}

export interface Lineage {
  readonly object: 'model.lineage';
  readonly model: FineTunedModelObject;
  readonly data: readonly LineageFile[];
  /** What was trained on: a base model, or the fine-tuned model that training went on from. */
  readonly parent: { readonly id: string; readonly is_base: boolean };
  /** Of the base model's file; null when it was removed since. */
  readonly base_sha256: string | null;
  /** Null for a job of another project. */
  readonly job: LineageJob | null;
  /** Models of the same job, in the order of their steps; this one among them. */
  readonly siblings: readonly { readonly id: string; readonly step: number | null }[];
  /** Models that went on from this one. */
  readonly children: readonly string[];
  /** Runs of evals that asked this model, newest first. */
  readonly evals: readonly LineageEval[];
  readonly exports: readonly LineageExport[];
}
