/**
 * Every setting of Tunesmith, in one table: its environment variable, its default, what it is for.
 *
 * Settings are read once, at the start, and passed on as values; the command line overrides the environment.
 */

import { availableParallelism, homedir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { type Device, devices } from './domain/device.ts';
import { invalid } from './domain/errors.ts';
import { type LogLevel, logLevels } from './log.ts';

interface Setting<Value> {
  readonly variable: string;
  readonly initial: Value;
  readonly help: string;
  /** Reads the variable's text; throws what was expected. */
  readonly read: (text: string) => Value;
}

export const settingsTable = {
  home: setting('TUNESMITH_HOME', join(homedir(), '.tunesmith'), 'The data folder.', (text) => resolve(text)),
  host: setting('TUNESMITH_HOST', '127.0.0.1', 'Where the API listens. Beyond loopback only with keys.', String),
  port: setting('TUNESMITH_PORT', 8080, 'The port of the API; 0 takes a free one.', wholeNumber(0, 65_535)),
  apiKeys: setting(
    'TUNESMITH_API_KEYS',
    [],
    'Keys that clients must send one of, with commas between, beside those of `tunesmith keys`.',
    commaSeparated,
  ),
  corsOrigins: setting(
    'TUNESMITH_CORS_ORIGINS',
    [],
    'Origins whose web pages may use the API (https://app.example), with commas between; * for all, with keys only.',
    commaSeparated,
  ),
  organization: setting('TUNESMITH_ORG', 'personal', 'The organisation in model names.', organizationSlug),
  modelAliases: setting(
    'TUNESMITH_MODEL_ALIASES',
    {},
    'Other names for base models: gpt-4o-mini=smollm2-135m-instruct, with commas between.',
    aliases,
  ),
  threads: setting(
    'TUNESMITH_THREADS',
    availableParallelism(),
    'Processor cores to use for training and answering.',
    wholeNumber(1, 1024),
  ),
  device: setting(
    'TUNESMITH_DEVICE',
    'auto',
    'What jobs train on: cpu, webgpu, cuda, or auto for the fastest that works.',
    oneOf('auto', ...devices),
  ),
  modelMemoryMb: setting(
    'TUNESMITH_MODEL_MEMORY_MB',
    Math.floor(totalmem() / 2 ** 21),
    'Memory for all models that answer together; the ones idle longest leave first. By default half of all there is.',
    wholeNumber(1, 2 ** 30),
  ),
  requestsPerModel: setting(
    'TUNESMITH_REQUESTS_PER_MODEL',
    256,
    'Requests that one model takes on at a time, running and waiting; further ones are told to try again.',
    wholeNumber(1, 100_000),
  ),
  trainingJobs: setting(
    'TUNESMITH_TRAINING_JOBS',
    1,
    'Jobs that train at the same time; they share the cores.',
    wholeNumber(1, 64),
  ),
  resultFiles: setting(
    'TUNESMITH_RESULT_FILES',
    'base64',
    "How step_metrics.csv is delivered: base64, as OpenAI's clients expect, or plain.",
    oneOf('base64', 'plain'),
  ),
  tensorboard: setting(
    'TUNESMITH_TENSORBOARD',
    'off',
    "Whether jobs' curves are also written for TensorBoard, below tensorboard/ in the data folder: on or off.",
    oneOf('on', 'off'),
  ),
  mlflowUrl: setting('MLFLOW_TRACKING_URI', null, "An MLflow server that is told every job's curves.", webAddress),
  mlflowExperiment: setting('MLFLOW_EXPERIMENT_NAME', 'tunesmith', 'The MLflow experiment of all jobs.', String),
  mlflowToken: setting('MLFLOW_TRACKING_TOKEN', null, 'The token to send to MLflow.', String),
  wandbKey: setting('WANDB_API_KEY', null, 'The key with which jobs may ask for the wandb integration.', String),
  wandbUrl: setting('WANDB_BASE_URL', 'https://api.wandb.ai', 'Where Weights & Biases is.', webAddress),
  wandbMode: setting(
    'WANDB_MODE',
    'online',
    'online, or offline to write runs below wandb/ in the data folder, for `wandb sync`.',
    oneOf('online', 'offline'),
  ),
  otlpEndpoint: setting(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    null,
    'An OpenTelemetry receiver (OTLP over HTTP) that is told of every request.',
    webAddress,
  ),
  webhookHosts: setting(
    'TUNESMITH_WEBHOOK_HOSTS',
    [],
    'Internal hosts (name:port, with commas between) that webhooks may be delivered to; * for all.',
    commaSeparated,
  ),
  evalHosts: setting(
    'TUNESMITH_EVAL_HOSTS',
    [],
    'Internal hosts (name:port, with commas between) that runs of evals and tasks that leave OpenAI may ask; * for all.',
    commaSeparated,
  ),
  embeddingModel: setting(
    'TUNESMITH_EMBEDDING_MODEL',
    null,
    'The model whose embeddings cosine graders compare by; otherwise the first base model.',
    String,
  ),
  logLevel: setting('TUNESMITH_LOG', 'info', `What is logged: ${logLevels.join(', ')}.`, oneOf(...logLevels)),
} satisfies Record<string, Setting<unknown>>;

export interface Settings {
  readonly home: string;
  readonly host: string;
  readonly port: number;
  readonly apiKeys: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly organization: string;
  /** Alias → id of a base model. */
  readonly modelAliases: Readonly<Record<string, string>>;
  readonly threads: number;
  readonly modelMemoryMb: number;
  readonly requestsPerModel: number;
  readonly trainingJobs: number;
  readonly device: Device | 'auto';
  readonly resultFiles: 'base64' | 'plain';
  readonly tensorboard: 'on' | 'off';
  readonly mlflowUrl: string | null;
  readonly mlflowExperiment: string;
  readonly mlflowToken: string | null;
  readonly wandbKey: string | null;
  readonly wandbUrl: string;
  readonly wandbMode: 'online' | 'offline';
  readonly otlpEndpoint: string | null;
  readonly webhookHosts: readonly string[];
  readonly evalHosts: readonly string[];
  readonly embeddingModel: string | null;
  readonly logLevel: LogLevel;
}

/** The settings of this environment; an empty variable counts as absent. */
export function readSettings(environment: NodeJS.ProcessEnv, overrides: Partial<Settings> = {}): Settings {
  const read = Object.entries(settingsTable).map(([name, row]) => [name, valueOf(row, environment[row.variable])]);
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return { ...(Object.fromEntries(read) as Settings), ...Object.fromEntries(given) };
}

function valueOf(row: Setting<unknown>, text: string | undefined): unknown {
  if (text === undefined || text.trim() === '') return row.initial;
  try {
    return row.read(text.trim());
  } catch (cause) {
    throw invalid(
      row.variable,
      `${row.variable} is "${text}"; expected ${(cause as Error).message}.`,
      'invalid_setting',
    );
  }
}

function setting<Value>(variable: string, initial: Value, help: string, read: (text: string) => Value): Setting<Value> {
  return { variable, initial, help, read };
}

function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= minimum && value <= maximum) return value;
    throw new Error(`a whole number from ${minimum} to ${maximum}`);
  };
}

function oneOf<Value extends string>(...values: readonly Value[]): (text: string) => Value {
  return (text) => {
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) throw new Error(`one of ${values.join(', ')}`);
    return value;
  };
}

function webAddress(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new Error('an http or https address');
  return text;
}

function commaSeparated(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** The slug becomes a segment of `ft:` names, which clients split on colons. */
function organizationSlug(text: string): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(text)) throw new Error('letters, digits, dots, dashes and underscores');
  return text;
}

function aliases(text: string): Record<string, string> {
  const pairs = commaSeparated(text).map((pair) => {
    const [alias, base, ...rest] = pair.split('=').map((side) => side.trim());
    if (!alias || !base || rest.length > 0)
      throw new Error(`alias=base pairs with commas between, and "${pair}" is none`);
    return [alias, base] as const;
  });
  return Object.fromEntries(pairs);
}
