/**
 * The machine and the server on it, as `GET /v1/system` tells: how busy, how full, and what leaves it. Tunesmith's
 * own. Everything is in bytes, seconds and cores; null is what this operating system does not tell.
 */

export interface System {
  readonly object: 'system';
  readonly version: string;
  readonly started_at: number;
  readonly uptime_seconds: number;
  readonly platform: string;
  readonly processor: {
    readonly model: string;
    readonly cores: number;
    /** Cores that all programs of the machine kept busy lately. */
    readonly busy_cores: number;
    /** Processes that wanted to compute, on average over the last minute. */
    readonly load: number;
  };
  readonly memory: {
    readonly total_bytes: number;
    readonly available_bytes: number;
    /** Of the server itself, and of the trainers and models below it. */
    readonly server_bytes: number;
    readonly children_bytes: number;
  };
  readonly disk: {
    readonly total_bytes: number;
    readonly free_bytes: number;
    /** The data folder; null for whoever is not the operator. */
    readonly folder: string | null;
    /** What lies in it; null until it has been counted for the first time. */
    readonly used: readonly DiskUse[] | null;
  };
  readonly settings: {
    readonly threads: number;
    readonly device: string;
    readonly training_jobs: number;
    readonly model_memory_bytes: number;
    readonly requests_per_model: number;
    readonly organization: string;
  };
  /** Of all projects together. */
  readonly work: {
    readonly jobs: WorkCount;
    readonly eval_runs: WorkCount;
    readonly batches: WorkCount;
    readonly tasks: WorkCount;
  };
  /** What the settings and webhooks of this server send to other machines; empty when nothing leaves it. */
  readonly outbound: readonly Outbound[];
  /** What this key may use per minute; null for as much as it likes. */
  readonly limits: { readonly requests_per_minute: number | null; readonly tokens_per_minute: number | null };
}

export interface WorkCount {
  readonly running: number;
  readonly queued: number;
}

export const diskKinds = ['files', 'base_models', 'fine_tuned_models', 'jobs', 'tasks', 'database', 'other'] as const;
export type DiskKind = (typeof diskKinds)[number];

export interface DiskUse {
  readonly kind: DiskKind;
  readonly bytes: number;
}

export interface Outbound {
  readonly kind: 'mlflow' | 'wandb' | 'opentelemetry' | 'webhook';
  /** Where it goes, without what may be secret. */
  readonly to: string;
  /** What is sent and when, in a sentence. */
  readonly what: string;
}
