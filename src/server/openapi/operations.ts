/**
 * What each address of ours is for, in a sentence: the part of the OpenAPI document that is written by hand.
 *
 * Addresses that OpenAI has too take their parameters and shapes from OpenAI's own document; those that only we have
 * say here what they take. A route that is missing here fails a test.
 */

import { metricColumns } from '../../domain/job-metrics.ts';
import { captureKinds } from '../../domain/openai-capture.ts';
import { taskStatuses, taskTypes } from '../../domain/task.ts';
import { webhookEvents } from '../../domain/webhook.ts';
import { operatorOperations } from './operator-operations.ts';
import { taskRequest } from './task-request.ts';

export interface Operation {
  readonly group: string;
  readonly summary: string;
  /** For what OpenAI's document does not know: JSON schemas of the body, of the answer, and of the events of a stream. */
  readonly request?: object;
  readonly response?: object;
  readonly stream?: object;
  /** OpenAI has it too, in a part of its API that the document here leaves out. */
  readonly isOpenAIs?: boolean;
}

const row = (group: string, summary: string, shapes: Omit<Operation, 'group' | 'summary'> = {}): Operation => ({
  group,
  summary,
  ...shapes,
});

const webhookEventList = { type: 'array', items: { type: 'string', enum: webhookEvents } };
const webhook = {
  type: 'object',
  properties: {
    object: { const: 'webhook' },
    id: { type: 'string' },
    created_at: { type: 'integer' },
    url: { type: 'string' },
    events: webhookEventList,
  },
};
const delivery = {
  type: 'object',
  properties: {
    object: { const: 'webhook.delivery' },
    id: { type: 'string' },
    type: { type: 'string' },
    created_at: { type: 'integer' },
    status: { enum: ['pending', 'delivered', 'given_up'] },
    attempts: { type: 'integer' },
    last_error: { type: ['string', 'null'] },
  },
};
const orNull = (type: string) => ({ type: [type, 'null'] });
const task = {
  type: 'object',
  required: ['object', 'id', 'type', 'status', 'created_at', 'progress', 'request', 'result', 'error'],
  properties: {
    object: { const: 'task' },
    id: { type: 'string' },
    type: { enum: taskTypes },
    status: { enum: taskStatuses },
    created_at: { type: 'integer' },
    started_at: orNull('integer'),
    finished_at: orNull('integer'),
    progress: {
      type: 'object',
      properties: {
        done: { type: 'number' },
        total: orNull('number'),
        unit: { type: 'string' },
        message: orNull('string'),
      },
    },
    request: { type: 'object' },
    result: orNull('object'),
    error: {
      type: ['object', 'null'],
      properties: { code: { type: 'string' }, message: { type: 'string' }, param: orNull('string') },
    },
  },
};
const baseModel = {
  type: 'object',
  required: ['object', 'id', 'name', 'status', 'family', 'parameters', 'context_tokens', 'size_bytes', 'licence'],
  properties: {
    object: { const: 'base_model' },
    id: { type: 'string' },
    name: { type: 'string' },
    status: { enum: ['installed', 'available', 'damaged'] },
    family: { type: 'string' },
    parameters: { type: 'integer' },
    context_tokens: { type: 'integer' },
    size_bytes: { type: 'integer' },
    licence: { type: 'string' },
    sources: { type: 'array', items: { type: 'string' } },
    revision: orNull('string'),
    sha256: orNull('string'),
    original: orNull('string'),
    created_at: orNull('integer'),
    serving_only: orNull('string'),
    encoder: orNull('boolean'),
    fine_tunes: { type: 'integer' },
    problem: orNull('string'),
  },
};
const fineTunedModel = {
  type: 'object',
  required: ['object', 'id', 'created_at', 'base', 'base_model', 'job', 'size_bytes', 'kind', 'metrics'],
  properties: {
    object: { const: 'fine_tuned_model' },
    id: { type: 'string' },
    created_at: { type: 'integer' },
    base: { type: 'string' },
    base_model: { type: 'string' },
    base_installed: { type: 'boolean' },
    job: { type: 'string' },
    step: orNull('integer'),
    is_checkpoint: { type: 'boolean' },
    size_bytes: { type: 'integer' },
    kind: { enum: ['adapter', 'whole'] },
    encoder: { type: 'boolean' },
    metrics: { type: 'object', additionalProperties: { type: 'number' } },
    task_metrics: orNull('object'),
    lent: { type: 'boolean' },
  },
};
const lineage = {
  type: 'object',
  required: ['object', 'model', 'data', 'parent', 'job', 'siblings', 'children', 'evals', 'exports'],
  properties: {
    object: { const: 'model.lineage' },
    model: fineTunedModel,
    data: { type: 'array', items: { type: 'object' } },
    parent: { type: 'object', properties: { id: { type: 'string' }, is_base: { type: 'boolean' } } },
    base_sha256: orNull('string'),
    job: orNull('object'),
    siblings: { type: 'array', items: { type: 'object' } },
    children: { type: 'array', items: { type: 'string' } },
    evals: { type: 'array', items: { type: 'object' } },
    exports: { type: 'array', items: { type: 'object' } },
  },
};
const taskFile = {
  type: 'object',
  properties: { object: { const: 'task.file' }, name: { type: 'string' }, bytes: { type: 'integer' } },
};
const listOf = (item: object) => ({
  type: 'object',
  properties: { object: { const: 'list' }, data: { type: 'array', items: item }, has_more: { type: 'boolean' } },
});

const estimate = {
  type: ['object', 'null'],
  required: ['value', 'low', 'high', 'n', 'small'],
  properties: {
    value: { type: 'number' },
    low: { type: 'number' },
    high: { type: 'number' },
    n: { type: 'integer' },
    small: { type: 'boolean' },
  },
};
const evalRunReport = {
  type: 'object',
  required: ['object', 'run_id', 'eval_id', 'status', 'result_counts', 'pass_rate', 'criteria', 'tokens'],
  properties: {
    object: { const: 'eval.run.report' },
    run_id: { type: 'string' },
    eval_id: { type: 'string' },
    status: { type: 'string' },
    result_counts: { type: 'object' },
    pass_rate: estimate,
    criteria: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          id: { type: 'string' },
          name: { type: 'string' },
          type: { type: 'string' },
          pass_threshold: { type: ['number', 'null'] },
          passed: { type: 'integer' },
          failed: { type: 'integer' },
          errored: { type: 'integer' },
          pass_rate: estimate,
          mean_score: estimate,
          scores: { type: 'array', items: { type: 'object' } },
          labels: { type: 'array', items: { type: 'object' } },
          evaluation: { type: ['object', 'null'] },
        },
      },
    },
    tokens: { type: ['object', 'null'] },
  },
};

const fileProblem = {
  type: 'object',
  properties: {
    code: { type: 'string' },
    severity: { enum: ['error', 'warning'] },
    line: { type: ['integer', 'null'] },
    path: { type: 'string' },
    found: { type: 'string' },
    expected: { type: 'string' },
    suggestion: { type: ['string', 'null'] },
    message: { type: 'string' },
  },
};
const numbers = { type: 'array', items: { type: 'integer' } };
const tokenSequence = {
  type: 'object',
  properties: {
    title: { type: ['string', 'null'] },
    length: { type: 'integer' },
    supervised: { type: 'integer' },
    cut: { type: 'integer' },
    label: { type: ['string', 'null'] },
    ids: numbers,
    texts: { type: 'array', items: { type: 'string' } },
    loss: numbers,
    special: numbers,
  },
};
const fileExample = {
  type: 'object',
  required: ['object', 'line', 'format', 'value', 'text', 'bytes', 'problems', 'repair', 'sequences', 'refusal'],
  properties: {
    object: { const: 'file.example' },
    line: { type: 'integer' },
    format: { enum: ['chat', 'completion', 'preference', 'reinforcement'] },
    value: {},
    text: { type: ['string', 'null'] },
    bytes: { type: 'integer' },
    problems: { type: 'array', items: fileProblem },
    repair: { type: ['object', 'null'] },
    sequences: { type: ['array', 'null'], items: tokenSequence },
    refusal: { type: ['string', 'null'] },
  },
};
const fileEdits = {
  type: 'object',
  properties: {
    edits: {
      type: 'array',
      items: {
        type: 'object',
        required: ['line', 'value'],
        properties: { line: { type: 'integer', minimum: 1 }, value: { type: ['object', 'null'] } },
      },
    },
    add: { type: 'array', items: { type: 'object' } },
    repair: { type: 'boolean' },
    drop: { type: 'boolean' },
    filename: { type: 'string' },
  },
};

const texts = { type: 'array', items: { type: 'string' } };
const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const modelLimits = {
  type: 'object',
  required: ['object', 'model', 'max_tokens_per_example', 'max_running_jobs'],
  properties: {
    object: { const: 'fine_tuning.model_limits' },
    model: { type: 'string' },
    max_tokens_per_example: { type: 'integer' },
    max_running_jobs: { type: 'integer' },
  },
};
const jobProvenance = {
  type: 'object',
  required: ['object', 'job', 'data', 'base', 'model'],
  properties: {
    object: { const: 'fine_tuning.job.provenance' },
    job: { type: 'string' },
    data: { type: 'array', items: { type: 'object' } },
    base: { type: ['object', 'null'] },
    model: { type: ['object', 'null'] },
  },
};
const jobMetrics = {
  type: 'object',
  required: ['object', 'job', 'total_steps', 'columns', 'data', 'has_more'],
  properties: {
    object: { const: 'fine_tuning.job.metrics' },
    job: { type: 'string' },
    total_steps: { type: ['integer', 'null'] },
    columns: { type: 'array', items: { enum: metricColumns } },
    data: { type: 'array', items: { type: 'array', items: { type: ['number', 'null'] } } },
    has_more: { type: 'boolean' },
  },
};
const recommended = { type: 'object', properties: { model: { type: 'string' }, reasons: texts } };
const jobEstimate = {
  type: 'object',
  required: ['object', 'model', 'examples', 'tokens', 'steps', 'seconds', 'memory', 'hyperparameters'],
  properties: {
    object: { const: 'fine_tuning.estimate' },
    model: { type: 'string' },
    base: { type: 'string' },
    counted: { enum: ['all', 'sample'] },
    examples: { type: 'integer' },
    tokens: {
      type: 'object',
      properties: {
        per_epoch: { type: 'integer' },
        supervised_per_epoch: { type: 'integer' },
        trained: { type: 'integer' },
        longest: { type: 'integer' },
        cut: { type: ['integer', 'null'] },
      },
    },
    steps: { type: 'integer' },
    seconds: { type: ['number', 'null'] },
    seconds_reckoned: { type: 'number' },
    memory: {
      type: 'object',
      properties: {
        bytes: { type: 'integer' },
        limit_bytes: { type: 'integer' },
        fits: { type: 'boolean' },
        message: { type: ['string', 'null'] },
      },
    },
    hyperparameters: { type: 'object' },
    openai: {
      type: ['object', 'null'],
      properties: {
        source: { type: 'string' },
        prices: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              model: { type: 'string' },
              trained_tokens: { type: 'integer' },
              usd: { type: 'number' },
            },
          },
        },
      },
    },
    failure: { type: ['object', 'null'] },
    warnings: texts,
    recommendation: {
      type: 'object',
      properties: {
        model: { type: ['string', 'null'] },
        reasons: texts,
        others: { type: 'array', items: recommended },
        fetch: { type: ['object', 'null'] },
      },
    },
  },
};
const deletedResponse = {
  type: 'object',
  required: ['id', 'object', 'deleted'],
  properties: { id: { type: 'string' }, object: { const: 'response.deleted' }, deleted: { const: true } },
};
const tokenCount = {
  type: 'object',
  required: ['object', 'input_tokens'],
  properties: { object: { const: 'response.input_tokens' }, input_tokens: { type: 'integer' } },
};

const openaiCapture = {
  type: 'object',
  required: ['object', 'id', 'base_url', 'started_at', 'finished_at', 'bytes', 'counts', 'problem_count'],
  properties: {
    object: { const: 'openai.capture' },
    id: { type: 'string' },
    base_url: { type: 'string' },
    started_at: { type: 'integer' },
    finished_at: { type: ['integer', 'null'] },
    bytes: { type: 'integer' },
    counts: {
      type: 'object',
      properties: Object.fromEntries(captureKinds.map((kind) => [kind, { type: 'integer' }])),
    },
    problem_count: { type: 'integer' },
  },
};
const rowsOf = (properties: object) => ({ type: 'array', items: { type: 'object', properties } });
const text = { type: 'string' };
const textOrNull = { type: ['string', 'null'] };
const windDown = {
  type: 'object',
  properties: { evals_read_only: text, evals_off: text, no_new_jobs: text, source: text },
};
const openaiCaptureDetails = {
  ...openaiCapture,
  properties: {
    ...openaiCapture.properties,
    problems: rowsOf({
      kind: { enum: captureKinds },
      id: textOrNull,
      status: { type: ['integer', 'null'] },
      reason: { enum: ['no_rights', 'not_there', 'failed'] },
      message: text,
    }),
    models: rowsOf({
      model: text,
      base: text,
      listed: { type: 'boolean' },
      job: textOrNull,
      shutdown_date: textOrNull,
      shutdown_source: { enum: ['server', 'table', 'unknown'] },
      here: textOrNull,
    }),
    jobs: rowsOf({
      id: text,
      model: text,
      status: text,
      created_at: { type: 'integer' },
      fine_tuned_model: textOrNull,
      method: text,
      here: textOrNull,
    }),
    recordings: rowsOf({
      id: text,
      model: text,
      questions: { type: 'integer' },
      answered: { type: 'integer' },
      bytes: { type: 'integer' },
    }),
    wind_down: windDown,
    restored: {
      type: 'object',
      properties: Object.fromEntries(
        ['files', 'jobs', 'models', 'evals', 'runs'].map((kind) => [kind, { type: 'integer' }]),
      ),
    },
  },
};
const capturedObject = {
  type: 'object',
  properties: {
    object: { const: 'openai.captured_object' },
    id: text,
    kind: { enum: captureKinds },
    original_id: text,
    bytes: { type: 'integer' },
    sha256: text,
    taken_at: { type: 'integer' },
  },
};

/** By method and route pattern. */
export const operations: Readonly<Record<string, Operation>> = {
  'POST /v1/files': row('Files', 'Upload a file.'),
  'GET /v1/files': row('Files', 'List files, newest first.'),
  'GET /v1/files/:id': row('Files', 'Look at a file.'),
  'GET /v1/files/:id/content': row('Files', 'Download the bytes of a file.', {
    response: { content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } },
  }),
  'DELETE /v1/files/:id': row('Files', 'Delete a file.'),
  'GET /v1/files/:id/examples': row(
    'Files',
    'Rows of a training file from line `after` on, with what is wrong with each, how it could be mended and, with `model`, which tokens carry loss. `query` asks for words, `lines` for lines such as `4,17`, `faulty=true` for rows with errors.',
    { response: listOf(fileExample) },
  ),
  'POST /v1/files/:id/edits': row(
    'Files',
    'Make a new file of this one: lines edited or taken out (`value: null`), rows added at the end, errors repaired, and with `drop` left out where they cannot be. The file itself stays.',
    { request: fileEdits, response: schema('OpenAIFile') },
  ),

  'POST /v1/uploads': row('Uploads', 'Begin an upload of up to 8 GB, to be sent in parts.'),
  'POST /v1/uploads/:id/parts': row('Uploads', 'Send a part of up to 64 MiB; parts may come side by side.'),
  'POST /v1/uploads/:id/complete': row('Uploads', 'Make a file of the parts, in the order given.'),
  'POST /v1/uploads/:id/cancel': row('Uploads', 'Give an upload up.'),

  'POST /v1/fine_tuning/jobs': row('Fine-tuning', 'Create a job that fine-tunes a model on a file.'),
  'POST /v1/fine_tuning/estimates': row(
    'Fine-tuning',
    'What a job would take (tokens, time, memory, OpenAI\'s price), with nothing left "auto", and nothing made.',
    { request: schema('CreateFineTuningJobRequest'), response: jobEstimate },
  ),
  'GET /v1/fine_tuning/jobs': row('Fine-tuning', 'List jobs, newest first.'),
  'GET /v1/fine_tuning/jobs/:id': row('Fine-tuning', 'Look at a job.'),
  'POST /v1/fine_tuning/jobs/:id/cancel': row('Fine-tuning', 'Cancel a job.'),
  'POST /v1/fine_tuning/jobs/:id/pause': row('Fine-tuning', 'Pause a running job, with a snapshot of its work.'),
  'POST /v1/fine_tuning/jobs/:id/resume': row('Fine-tuning', 'Put a paused job back in the queue.'),
  'GET /v1/fine_tuning/jobs/:id/events': row('Fine-tuning', "List a job's events, newest first."),
  'GET /v1/fine_tuning/jobs/:id/metrics': row(
    'Fine-tuning',
    "A job's measured steps in few bytes, in their order, from the one after `after` (a step) on.",
    { response: jobMetrics },
  ),
  'GET /v1/fine_tuning/jobs/:id/provenance': row(
    'Fine-tuning',
    'Which bytes a job read and made: the hashes of its data, its base and its model.',
    { response: jobProvenance },
  ),
  'GET /v1/fine_tuning/jobs/:id/checkpoints': row('Fine-tuning', "List a finished job's checkpoints."),
  'GET /v1/fine_tuning/checkpoints/:model/permissions': row(
    'Fine-tuning',
    'List the projects that may use a checkpoint.',
  ),
  'POST /v1/fine_tuning/checkpoints/:model/permissions': row('Fine-tuning', 'Let projects use a checkpoint.'),
  'DELETE /v1/fine_tuning/checkpoints/:model/permissions/:id': row('Fine-tuning', 'Take such a permission back.'),
  'GET /v1/fine_tuning/model_limits': row('Fine-tuning', 'The limits of the models that can be fine-tuned here.', {
    response: listOf(modelLimits),
  }),

  'POST /v1/fine_tuning/alpha/graders/run': row('Graders', 'Grade one answer.'),
  'POST /v1/fine_tuning/alpha/graders/validate': row('Graders', 'Check a grader without running it.'),

  'GET /v1/models': row('Models', 'List base models, aliases and fine-tuned models.'),
  'GET /v1/models/:model': row('Models', 'Look at a model.'),
  'DELETE /v1/models/:model': row('Models', 'Delete a fine-tuned model.'),

  'GET /v1/base_models': row('Models', 'List base models: those of this machine, and those it could fetch.', {
    response: listOf(baseModel),
  }),
  'GET /v1/base_models/:id': row('Models', 'Look at a base model.', { response: baseModel }),
  'DELETE /v1/base_models/:id': row(
    'Models',
    'Remove a base model from this machine; with `force=true` also when fine-tuned models need it.',
    {
      response: {
        type: 'object',
        properties: { id: { type: 'string' }, object: { const: 'base_model.deleted' }, deleted: { const: true } },
      },
    },
  ),
  'GET /v1/fine_tuned_models': row(
    'Models',
    'List fine-tuned models with their sizes and figures, newest first; those of one `base_model`, with their `checkpoints` if wished.',
    { response: listOf(fineTunedModel) },
  ),
  'GET /v1/fine_tuned_models/:model': row(
    'Models',
    'Where a fine-tuned model comes from and what became of it: data, job, evals, exports.',
    { response: lineage },
  ),

  'POST /v1/chat/completions': row('Chat', 'Answer a conversation, whole or as a stream.'),
  'GET /v1/chat/completions': row('Chat', 'List stored answers, oldest first.'),
  'GET /v1/chat/completions/:id': row('Chat', 'Look at a stored answer.'),
  'POST /v1/chat/completions/:id': row('Chat', "Replace a stored answer's metadata."),
  'DELETE /v1/chat/completions/:id': row('Chat', 'Delete a stored answer.'),
  'GET /v1/chat/completions/:id/messages': row('Chat', 'List the messages that a stored answer replied to.'),

  'POST /v1/completions': row('Completions', 'Continue a text.', { stream: schema('CreateCompletionResponse') }),
  'POST /v1/embeddings': row('Embeddings', 'Turn texts into vectors.'),

  'POST /v1/responses': row('Responses', 'Answer an input, whole, as a stream or in the background.'),
  'GET /v1/responses/:id': row('Responses', 'Look at a stored response, or follow it.', {
    stream: schema('ResponseStreamEvent'),
  }),
  'DELETE /v1/responses/:id': row('Responses', 'Delete a stored response.', { response: deletedResponse }),
  'POST /v1/responses/:id/cancel': row('Responses', 'Stop a response that is made in the background.'),
  'POST /v1/responses/input_tokens': row('Responses', 'Count the tokens that an input would take.', {
    request: schema('CreateResponse'),
    response: tokenCount,
  }),
  'GET /v1/responses/:id/input_items': row('Responses', 'List the items that a response replied to.'),

  'POST /v1/batches': row('Batches', 'Run the requests of a file in the background.'),
  'GET /v1/batches': row('Batches', 'List batches, newest first.'),
  'GET /v1/batches/:id': row('Batches', 'Look at a batch.'),
  'POST /v1/batches/:id/cancel': row('Batches', 'Cancel a batch; what is answered stays.'),

  'POST /v1/evals': row('Evals', 'Create an eval: what its items are, and the graders that judge each.'),
  'GET /v1/evals': row('Evals', 'List evals, oldest first.'),
  'GET /v1/evals/:id': row('Evals', 'Look at an eval.'),
  'POST /v1/evals/:id': row('Evals', 'Rename an eval, or replace its metadata.'),
  'DELETE /v1/evals/:id': row('Evals', 'Delete an eval with all its runs.'),
  'POST /v1/evals/:id/runs': row('Evals', 'Run an eval on a data source, with a model or on answers that are there.'),
  'GET /v1/evals/:id/runs': row('Evals', "List an eval's runs, oldest first."),
  'GET /v1/evals/:id/runs/:run': row('Evals', 'Look at a run and its counts so far.'),
  'POST /v1/evals/:id/runs/:run': row('Evals', 'Cancel a run; what is judged stays.'),
  'POST /v1/evals/:id/runs/:run/cancel': row('Evals', "Cancel a run at the address that OpenAI's Python SDK takes.", {
    response: schema('EvalRun'),
  }),
  'DELETE /v1/evals/:id/runs/:run': row('Evals', 'Delete a run and what came of its items.'),
  'GET /v1/evals/:id/runs/:run/report': row(
    'Evals',
    'The figures of a run with 95 % intervals: criterion by criterion, the confusion matrix, the reliability.',
    { response: evalRunReport },
  ),
  'GET /v1/evals/:id/runs/:run/output_items': row(
    'Evals',
    'List what came of the items, as they are judged, or with order_by=score the worst first; failed and query filter.',
  ),
  'GET /v1/evals/:id/runs/:run/output_items/:item': row('Evals', 'Look at what came of an item.'),

  'POST /v1/tasks': row(
    'Tasks',
    'Begin what takes longer than a request; `continue_from` names an earlier task whose work is gone on with.',
    {
      request: taskRequest,
      response: task,
    },
  ),
  'GET /v1/tasks': row('Tasks', 'List tasks, newest first, of one `type` or `status` if wished.', {
    response: listOf(task),
  }),
  'GET /v1/tasks/:id': row('Tasks', 'Look at a task: how far it is, or what came of it.', { response: task }),
  'POST /v1/tasks/:id/cancel': row('Tasks', 'Cancel a task; what it needs to be gone on with stays.', {
    response: task,
  }),
  'DELETE /v1/tasks/:id': row('Tasks', 'Delete a task and its files.', {
    response: {
      type: 'object',
      properties: { id: { type: 'string' }, object: { const: 'task.deleted' }, deleted: { const: true } },
    },
  }),
  'GET /v1/tasks/:id/files': row('Tasks', 'List the files that an ended task has made.', {
    response: listOf(taskFile),
  }),
  'GET /v1/tasks/:id/archive': row('Tasks', 'Download all of them as one tar archive of that `name`.', {
    response: { content: { 'application/x-tar': { schema: { type: 'string', format: 'binary' } } } },
  }),
  'GET /v1/tasks/:id/files/:name': row('Tasks', 'Download such a file.', {
    response: { content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } },
  }),

  ...operatorOperations,

  'GET /v1/openai_captures': row('Leaving OpenAI', 'List what was taken from OpenAI.', {
    response: {
      type: 'object',
      properties: { ...listOf(openaiCapture).properties, wind_down: windDown },
    },
  }),
  'GET /v1/openai_captures/:id': row(
    'Leaving OpenAI',
    'Look at a capture: what it holds, which of its models are turned off when, what was made of it here.',
    { response: openaiCaptureDetails },
  ),
  'GET /v1/openai_captures/:id/objects': row(
    'Leaving OpenAI',
    'List the objects of a capture with their hashes, by path, of one `kind` if wished.',
    { response: listOf(capturedObject) },
  ),
  'DELETE /v1/openai_captures/:id': row('Leaving OpenAI', 'Delete a capture; what was made of it here stays.', {
    response: {
      type: 'object',
      properties: { id: { type: 'string' }, object: { const: 'openai.capture.deleted' }, deleted: { const: true } },
    },
  }),

  'POST /v1/webhooks': row(
    'Webhooks',
    'Tell an address when jobs, batches and runs of evals end; its secret is shown this once.',
    {
      request: {
        type: 'object',
        required: ['url', 'events'],
        properties: { url: { type: 'string' }, events: webhookEventList },
      },
      response: { ...webhook, properties: { ...webhook.properties, secret: { type: 'string' } } },
    },
  ),
  'GET /v1/webhooks': row('Webhooks', 'List webhooks, newest first.', { response: listOf(webhook) }),
  'GET /v1/webhooks/:id': row('Webhooks', 'Look at a webhook.', { response: webhook }),
  'GET /v1/webhooks/:id/deliveries': row('Webhooks', 'What was sent to a webhook lately, and how it went.', {
    response: listOf(delivery),
  }),
  'POST /v1/webhooks/:id/test': row('Webhooks', 'Send a webhook an event about nothing, now.', {
    request: { type: 'object', properties: { type: webhookEventList.items } },
    response: {
      type: 'object',
      properties: { delivered: { type: 'boolean' }, error: { type: ['string', 'null'] } },
    },
  }),
  'DELETE /v1/webhooks/:id': row('Webhooks', 'Delete a webhook.', {
    response: {
      type: 'object',
      properties: { id: { type: 'string' }, object: { const: 'webhook.deleted' }, deleted: { const: true } },
    },
  }),
};
