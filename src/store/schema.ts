/**
 * The rows of the house: one text for SQLite and PostgreSQL.
 *
 * Wire objects are stored whole as JSON text in `object`, beside the few columns we query by; private
 * bookkeeping has columns of its own and never enters the object. JSON is text, booleans are 0/1, times are
 * unix seconds unless the name says Ms. `seq` columns give a total order that survives equal timestamps.
 */

import type { Generated } from 'kysely';

export interface FilesTable {
  seq: Generated<number>;
  id: string;
  project: string;
  purpose: string;
  created_at: number;
  expires_at: number | null;
  /** FileObject. */
  object: string;
  /** SHA-256 of the content, hex. */
  sha256: string;
}

export interface JobsTable {
  seq: Generated<number>;
  id: string;
  project: string;
  status: string;
  created_at: number;
  /** Job. */
  object: string;
  /** The worker that holds the job, and until when (unix ms): a lease renewed by heartbeat. */
  lease_owner: string | null;
  lease_until_ms: number | null;
  /** Trainers that died one after the other without a new step; after a few of them the job is given up. */
  attempts: number;
  /** Newest step that was recorded. */
  step: number;
  /** JSON of the resolved plan, or null before validation. */
  plan: string | null;
}

export interface JobEventsTable {
  seq: Generated<number>;
  id: string;
  job_id: string;
  created_at: number;
  /** Metric events are unique per job and step, so a resumed trainer tells the story once. */
  step: number | null;
  /** Messages that must appear once per job carry a key, e.g. `started`. */
  once: string | null;
  /** JobEvent. */
  object: string;
}

/** Each step's measurements in few bytes, for curves. */
export interface JobFiguresTable {
  seq: Generated<number>;
  job_id: string;
  step: number;
  /** JSON list in the order of `metricColumns`. */
  figures: string;
}

export interface CheckpointsTable {
  seq: Generated<number>;
  id: string;
  job_id: string;
  step: number;
  /** The model name it answers to. */
  model_id: string;
  created_at: number;
  /** Checkpoint. */
  object: string;
  /** Folder below the data folder. */
  folder: string;
}

/** Fine-tuned models and their checkpoints; base models live in the models folder's manifests. */
export interface ModelsTable {
  seq: Generated<number>;
  /** `ft:base:org:suffix:id`, with `:ckpt-step-n` for checkpoints. */
  id: string;
  /** That of the job which made it. */
  project: string;
  created_at: number;
  /** Name of the base as the job gave it (may be an alias) and the id of the local base it stood for. */
  base: string;
  base_model_id: string;
  job_id: string;
  /** Folder below the data folder with `adapter.gguf`, `adapter_model.safetensors`, `adapter_config.json`. */
  folder: string;
  /** Model. */
  object: string;
}

export interface ProjectsTable {
  id: string;
  /** Empty where it is called by its id. */
  name: Generated<string>;
  created_at: number;
  archived_at: number | null;
}

/** Keys made by the operator. Revoked ones stay: where there was a key once, none is ever needless again. */
export interface ApiKeysTable {
  seq: Generated<number>;
  id: string;
  project: string;
  name: string;
  /** Of the key itself, hex; the key is kept nowhere. */
  sha256: string;
  /** Its first and last letters, to know it again by. */
  shown: string;
  created_at: number;
  revoked_at: number | null;
  /** Null for as many as come. */
  requests_per_minute: number | null;
  tokens_per_minute: number | null;
  /** 1 when its holder may do what the operator may. */
  admin: number;
  last_used_at: number | null;
  expires_at: number | null;
}

/** Browsers that have signed in; see `access/sessions.ts`. */
export interface SessionsTable {
  /** Of the token that the browser holds, hex; the token is kept nowhere. */
  sha256: string;
  key_id: string;
  created_at: number;
  expires_at: number;
}

/** Other names of base models, beside those of the settings. */
export interface ModelAliasesTable {
  alias: string;
  base_model_id: string;
  created_at: number;
}

export interface UploadsTable {
  seq: Generated<number>;
  id: string;
  project: string;
  status: string;
  expires_at: number;
  /** Seconds that the file is to live, or null for ever. */
  file_expires_after: number | null;
  /** Upload. */
  object: string;
}

/** Parts of unfinished uploads; the content of each is a blob of the same id. */
export interface UploadPartsTable {
  seq: Generated<number>;
  id: string;
  upload_id: string;
  bytes: number;
}

/** See `answered-requests.ts`. */
export interface AnsweredRequestsTable {
  seq: Generated<number>;
  scope: string;
  fingerprint: string;
  idempotency_key: string | null;
  at_ms: number;
  /** Id of what the answer shows, or null. */
  object_id: string | null;
  status: number;
  body: string;
}

/** Fine-tuned models that a project has lent to another. */
export interface CheckpointPermissionsTable {
  seq: Generated<number>;
  id: string;
  model_id: string;
  /** The one that may use it. */
  project: string;
  created_at: number;
}

/** Which trackers (TensorBoard, MLflow, Weights & Biases) follow which jobs, and how far each was told. */
export interface TrackingTable {
  seq: Generated<number>;
  job_id: string;
  /** The tracker's name; unique per job. */
  tracker: string;
  /** `seq` of the newest job event that was told. */
  told_seq: number;
  /** JSON of what the tracker remembers, or null before it was told anything. */
  state: string | null;
  /** Since when it cannot be reached (unix ms), how often it was tried, and when it is tried again. */
  failed_since_ms: number | null;
  attempts: number;
  next_ms: number;
  /** 1 once the job's end is told, or the tracker was given up. */
  ended: number;
}

export interface CompletionsTable {
  seq: Generated<number>;
  id: string;
  project: string;
  created_at: number;
  model: string;
  /** StoredCompletion. */
  object: string;
  /** The messages it answers, as a list of StoredMessage. */
  messages: string;
}

export interface ResponsesTable {
  seq: Generated<number>;
  id: string;
  project: string;
  created_at: number;
  status: string;
  /** Response. */
  object: string;
  /** The items it answers, those of earlier responses included. */
  input: string;
  /** The events of a response that was made in the background, once it has ended. */
  events: string | null;
}

export interface ResponseItemsTable {
  seq: Generated<number>;
  id: string;
  project: string;
  response_id: string;
  /** Item. */
  object: string;
}

export interface BatchesTable {
  seq: Generated<number>;
  id: string;
  project: string;
  status: string;
  created_at: number;
  /** How long its output and error files are kept. */
  output_seconds: number;
  /** Batch. */
  object: string;
}

/** Answers to a batch's requests, until they are written into its files. */
export interface BatchResultsTable {
  seq: Generated<number>;
  batch_id: string;
  /** Of the request in the input file, 1-based; there is one answer to each. */
  line: number;
  ok: number;
  /** The line of the output or error file. */
  output: string;
}

export interface WebhooksTable {
  seq: Generated<number>;
  id: string;
  project: string;
  url: string;
  /** JSON list of event types. */
  events: string;
  /** `whsec_` and base64; needed for every signature, so it cannot be hashed. */
  secret: string;
  created_at: number;
}

/** Events on their way: written in the transaction in which they become true. */
export interface WebhookDeliveriesTable {
  seq: Generated<number>;
  /** Sent as `webhook-id`, the same at every attempt. */
  id: string;
  webhook_id: string;
  type: string;
  /** Id of the job, batch, run or response that the event is about; told once per webhook. */
  about: string;
  body: string;
  created_at: number;
  /** `pending`, `delivered`, or `given_up`. */
  status: string;
  attempts: number;
  due_at_ms: number;
  last_error: string | null;
}

export interface EvalsTable {
  seq: Generated<number>;
  id: string;
  project: string;
  created_at: number;
  updated_ms: number;
  /** Eval. */
  object: string;
}

export interface EvalRunsTable {
  seq: Generated<number>;
  id: string;
  project: string;
  eval_id: string;
  status: string;
  created_at: number;
  /** The file that its items are still to be read from; null for other sources. */
  file_id: string | null;
  /** Whoever has it may read the report, without a key of the API. */
  report_key: string;
  /** The key to send to the endpoint that answers, until the run is over. */
  endpoint_key: string | null;
  /** JSON list of the eval's criteria as they were when the run was made. */
  criteria: string;
  /** JSON; large when it holds the items themselves. */
  data_source: string;
  /** EvalRun without its data source and its report's address. */
  object: string;
}

/** The items of unfinished runs that were not judged yet. */
export interface EvalItemsTable {
  run_id: string;
  /** Place in the data source, from 0. */
  n: number;
  /** SourceItem. */
  source: string;
}

/** In the order in which they were judged. */
export interface EvalOutputItemsTable {
  seq: Generated<number>;
  id: string;
  run_id: string;
  n: number;
  status: string;
  /** OutputItem. */
  object: string;
  /** From 0 to 1, the mean over the criteria; -1 where they could not judge. */
  score: number;
  /** How improbable the model held its answer; 1 where nobody knows. */
  doubt: number;
  /** JSON of the answer's first tokens with what else they might have been. */
  tokens: string | null;
}

/** See `domain/task.ts`. */
export interface TasksTable {
  seq: Generated<number>;
  id: string;
  project: string;
  type: string;
  status: string;
  created_at: number;
  /** Its name below the data folder's `tasks/`; a task that goes on from another has that one's. */
  folder: string;
  /** JSON list of the fields whose values are kept in memory only. */
  secrets: string;
  /** Task. */
  object: string;
}

export interface Schema {
  tracking: TrackingTable;
  files: FilesTable;
  jobs: JobsTable;
  job_events: JobEventsTable;
  job_figures: JobFiguresTable;
  checkpoints: CheckpointsTable;
  models: ModelsTable;
  completions: CompletionsTable;
  responses: ResponsesTable;
  response_items: ResponseItemsTable;
  projects: ProjectsTable;
  uploads: UploadsTable;
  upload_parts: UploadPartsTable;
  answered_requests: AnsweredRequestsTable;
  api_keys: ApiKeysTable;
  sessions: SessionsTable;
  model_aliases: ModelAliasesTable;
  checkpoint_permissions: CheckpointPermissionsTable;
  batches: BatchesTable;
  batch_results: BatchResultsTable;
  webhooks: WebhooksTable;
  webhook_deliveries: WebhookDeliveriesTable;
  evals: EvalsTable;
  eval_runs: EvalRunsTable;
  eval_items: EvalItemsTable;
  eval_output_items: EvalOutputItemsTable;
  tasks: TasksTable;
}
