/**
 * The house wired: every room opened on one data folder, and closed again in the reverse order.
 *
 *   tunesmith.db   rows            files/    blobs            models/   weights
 *   jobs/<id>/     plans and checkpoints     lock, server.json   who is in
 *
 * Opening takes the folder's lock, so there is one house per folder. Rooms get what they need as plain values;
 * none of them knows the house.
 */

import type { Kysely } from 'kysely';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Access, Keyring } from './access/keyring.ts';
import { Projects } from './access/projects.ts';
import { RateLimits } from './access/rate-limits.ts';
import { Sessions } from './access/sessions.ts';
import { Background } from './answers/background.ts';
import { StoredCompletions } from './answers/stored-completions.ts';
import { failUnfinished, StoredResponses, sweepResponses } from './answers/stored-responses.ts';
import { Batches } from './batches/batches.ts';
import { BatchWorker } from './batches/worker.ts';
import { Closing } from './closing.ts';
import type { Settings } from './config.ts';
import { Evals } from './evals/api/evals.ts';
import { RunReports } from './evals/api/run-report.ts';
import { EvalRunWorker } from './evals/api/run-worker.ts';
import { EvalRuns } from './evals/api/runs.ts';
import { FinalMetrics } from './evals/final-metrics.ts';
import { PythonGrading } from './graders/python/grading.ts';
import type { ModelToJudge } from './jobs/judging.ts';
import { Jobs } from './jobs/jobs.ts';
import { Devices } from './jobs/devices.ts';
import { Estimates } from './jobs/estimates.ts';
import { Worker } from './jobs/worker.ts';
import { Captures } from './leaving/captures.ts';
import { type Log, openLog } from './log.ts';
import { ModelAliases } from './models/aliases.ts';
import { BaseModels } from './models/base-models.ts';
import { Lending } from './models/lending.ts';
import { ModelRegistry } from './models/registry.ts';
import { Machine } from './observation/machine.ts';
import { Metrics, type TokenFacts } from './observation/metrics.ts';
import { openTracing, type Tracing } from './observation/tracing.ts';
import { Serving } from './serving/serving.ts';
import { AnsweredRequests } from './store/answered-requests.ts';
import { Blobs } from './store/blobs.ts';
import { openDatabase } from './store/database.ts';
import { Files, sweepFiles } from './store/files.ts';
import { type FolderLock, lockFolder } from './store/folder-lock.ts';
import type { Schema } from './store/schema.ts';
import { sweepUploads, Uploads } from './store/uploads.ts';
import { taskKinds } from './tasks/kinds.ts';
import { TaskRunner } from './tasks/runner.ts';
import { Tasks } from './tasks/tasks.ts';
import { Mlflow } from './tracking/mlflow.ts';
import type { Tracker } from './tracking/run.ts';
import { TensorBoard } from './tracking/tensorboard.ts';
import { Tracking } from './tracking/tracking.ts';
import { Wandb } from './tracking/wandb.ts';
import { Courier } from './webhooks/courier.ts';
import { Webhooks } from './webhooks/webhooks.ts';

const sweepMs = 60 * 60 * 1000;

/** What one project sees: every other project's files, jobs and models are not there for it. */
export interface ProjectRooms {
  readonly project: string;
  readonly files: Files;
  readonly uploads: Uploads;
  readonly jobs: Jobs;
  readonly models: ModelRegistry;
  readonly lending: Lending;
  readonly completions: StoredCompletions;
  readonly responses: StoredResponses;
  readonly batches: Batches;
  readonly evals: Evals;
  readonly evalRuns: EvalRuns;
  readonly captures: Captures;
  readonly webhooks: Webhooks;
  readonly tasks: Tasks;
}

export interface House extends AsyncDisposable {
  readonly settings: Settings;
  readonly log: Log;
  readonly home: string;
  readonly lock: FolderLock;
  readonly database: Kysely<Schema>;
  readonly blobs: Blobs;
  readonly bases: BaseModels;
  readonly aliases: ModelAliases;
  readonly keyring: Keyring;
  readonly projects: Projects;
  readonly sessions: Sessions;
  readonly limits: RateLimits;
  readonly answered: AnsweredRequests;
  readonly metrics: Metrics;
  readonly machine: Machine;
  /** Null unless traces are wanted. */
  readonly tracing: Tracing | null;
  readonly worker: Worker;
  /** Tells what a job would take. */
  readonly estimates: Estimates;
  readonly serving: Serving;
  /** Answers batches once it is started, in a house that works; `works` says whether this one does. */
  readonly batchWorker: BatchWorker;
  readonly works: boolean;
  /** Brings runs of evals to their end, once it is started. */
  readonly evalRunWorker: EvalRunWorker;
  /** Runs tasks, once it is started. */
  readonly taskRunner: TaskRunner;
  /** Judges the models of finished jobs, once it is told how to make them answer. */
  readonly finalMetrics: FinalMetrics<ModelToJudge>;
  readonly python: PythonGrading;
  /** Responses that are being made while nobody waits. */
  readonly background: Background;
  /** Counts what an answer has cost, for whoever wants to know: the key's limits, the metrics, the request's log line. */
  spend(access: Access, tokens: TokenFacts): void;
  /** The rooms as a project sees them; `server/access.ts` knows whose request it is. */
  of(project: string): ProjectRooms;
}

/** With `training` off jobs can be made and looked at, and wait for a house that trains. */
export async function openHouse(
  settings: Settings,
  log: Log = openLog(settings.logLevel),
  { training = true } = {},
): Promise<House> {
  const { home, organization, threads, resultFiles, trainingJobs } = settings;
  await mkdir(home, { recursive: true, mode: 0o700 });
  await using opening = new Closing();
  const lock = opening.use(await lockFolder(home));
  const database = opening.use(await openDatabase(join(home, 'tunesmith.db')));
  const blobs = await Blobs.open(join(home, 'files'));
  const answered = new AnsweredRequests(database);
  const sweeper = await sweepHourly(database, blobs, answered, log);
  opening.defer(() => clearInterval(sweeper));
  const bases = await BaseModels.open(home);
  const aliases = await ModelAliases.open(database, bases, settings.modelAliases);
  const models = new ModelRegistry(database, bases, aliases.names, organization);
  const rooms = { database, blobs, bases, models, log, home };
  const tracking = opening.use(new Tracking({ database, log, trackers: trackersOf(settings) }));
  const jobs = new Jobs({ ...rooms, organization, onCreated: (rows, job) => tracking.follow(rows, job) });
  const limitsOfServing = { loadedBytesMax: settings.modelMemoryMb * 2 ** 20, requestsMax: settings.requestsPerModel };
  const serving = opening.use(new Serving({ log, threads, ...limitsOfServing }));
  await failUnfinished(database);
  const background = opening.use(new Background(log));
  // Trainers compute on every core without a pause; one thread keeps answers coming beside them.
  const onTraining = (jobs: number): void => serving.setThreads(jobs > 0 ? 1 : threads);
  const share = { concurrency: trainingJobs, threads: Math.max(1, Math.floor(threads / trainingJobs)) };
  const devices = new Devices({ preferred: settings.device, threads: share.threads });
  const estimates = new Estimates({ blobs, bases, devices, home, threads: share.threads });
  const finalMetrics = new FinalMetrics<ModelToJudge>();
  const worker = opening.use(
    new Worker({
      ...rooms,
      ...share,
      devices,
      organization,
      resultFiles,
      bell: jobs.bell,
      onTraining,
      judge: (model, signal) => finalMetrics.judge(model, signal),
    }),
  );
  const python = opening.use(new PythonGrading(join(home, 'cache')));
  const batchWorker = opening.use(new BatchWorker({ database, blobs, log }));
  const mayAnswer = settings.evalHosts.includes('*') || settings.evalHosts;
  const runReports = new RunReports(database);
  const evalRunWorker = opening.use(new EvalRunWorker({ database, log, allowed: mayAnswer }));
  const taskRunner = opening.use(new TaskRunner({ database, log, home, kinds: taskKinds }));
  const allowed = settings.webhookHosts.includes('*') || settings.webhookHosts;
  const courier = opening.use(new Courier({ database, log, allowed }));
  if (training) {
    worker.start();
    courier.start();
  }
  tracking.start();
  const limits = new RateLimits();
  const metrics = new Metrics(database);
  const machine = opening.use(new Machine(home));
  const tracing = settings.otlpEndpoint === null ? null : opening.use(await openTracing(settings.otlpEndpoint));
  const open = opening.move();
  return {
    log,
    home,
    database,
    blobs,
    bases,
    aliases,
    settings,
    lock,
    keyring: new Keyring(database, settings.apiKeys),
    projects: new Projects(database),
    sessions: new Sessions(database),
    limits,
    answered,
    metrics,
    machine,
    tracing,
    worker,
    estimates,
    serving,
    batchWorker,
    evalRunWorker,
    taskRunner,
    works: training,
    finalMetrics,
    python,
    background,
    spend: (access, tokens) => {
      limits.spend(access, tokens.promptTokens + tokens.completionTokens);
      metrics.countTokens(tokens);
      access.onSpent?.(tokens);
    },
    of: (project) => ({
      project,
      files: new Files(database, blobs, project),
      uploads: new Uploads(database, blobs, project),
      jobs: jobs.of(project),
      models: models.of(project),
      lending: new Lending(database, project),
      completions: new StoredCompletions(database, project),
      responses: new StoredResponses(database, project),
      batches: new Batches(database, blobs, project, (id) => batchWorker.notice(id)),
      evals: new Evals(database, project, (run) => evalRunWorker.notice(run)),
      evalRuns: new EvalRuns(database, project, runReports, (run) => evalRunWorker.notice(run)),
      captures: new Captures(home, project, mayAnswer),
      webhooks: new Webhooks(database, project, allowed),
      tasks: new Tasks(database, project, taskRunner),
    }),
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
}

/** Expired files and responses are invisible already; this gives their space back. */
async function sweepHourly(
  database: Kysely<Schema>,
  blobs: Blobs,
  answered: AnsweredRequests,
  log: Log,
): Promise<NodeJS.Timeout> {
  const sweep = async (): Promise<void> => {
    try {
      const counts = {
        files: await sweepFiles(database, blobs),
        uploads: await sweepUploads(database, blobs),
        responses: await sweepResponses(database),
      };
      await answered.sweep();
      if (Object.values(counts).some((count) => count > 0)) log.info('sweep.expired', counts);
    } catch (error) {
      log.error('sweep.failed', { error });
    }
  };
  await sweep();
  return setInterval(() => void sweep(), sweepMs).unref();
}

/** The places outside that watch training here. Jobs ask for Weights & Biases themselves; the rest follow all jobs. */
function trackersOf(settings: Settings): Tracker<unknown>[] {
  const { home, tensorboard, mlflowUrl, mlflowExperiment, mlflowToken, wandbKey, wandbUrl, wandbMode } = settings;
  const trackers: Tracker<unknown>[] = [new Wandb({ key: wandbKey, url: wandbUrl, mode: wandbMode }, home)];
  if (tensorboard === 'on') trackers.push(new TensorBoard(home));
  if (mlflowUrl !== null)
    trackers.push(new Mlflow({ url: mlflowUrl, experiment: mlflowExperiment, token: mlflowToken }));
  return trackers;
}
