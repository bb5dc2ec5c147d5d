/** Jobs that fine-tune, what they would take and what came of them, and graders. */

import { metricColumns } from '../../../domain/job-metrics.ts';
import { trainedFile } from './models.ts';
import {
  anyObject,
  arrayOf,
  listOf,
  number,
  object,
  orNull,
  row,
  schema,
  text,
  textOrNull,
  truth,
  whole,
  wholeOrNull,
  type Operations,
} from './operation.ts';

const modelLimits = object({
  object: { const: 'fine_tuning.model_limits' },
  model: text,
  max_tokens_per_example: whole,
  max_running_jobs: whole,
});
const hashedFile = object({ name: text, bytes: whole, sha256: text });
const jobProvenance = object({
  object: { const: 'fine_tuning.job.provenance' },
  job: text,
  data: arrayOf(trainedFile),
  base: orNull(object({ id: text, sha256: text })),
  model: orNull(object({ id: text, files: arrayOf(hashedFile) })),
});
const jobMetrics = object({
  object: { const: 'fine_tuning.job.metrics' },
  job: text,
  total_steps: wholeOrNull,
  columns: arrayOf({ enum: metricColumns }),
  data: arrayOf(arrayOf(orNull(number))),
  has_more: truth,
});
const texts = arrayOf(text);
const price = object({ model: text, trained_tokens: whole, usd: number });
const recommendation = object({
  model: textOrNull,
  reasons: texts,
  others: arrayOf(object({ model: text, reasons: texts })),
  fetch: orNull(object({ model: text, size_bytes: whole, reason: text })),
});
const jobEstimate = object({
  object: { const: 'fine_tuning.estimate' },
  model: text,
  base: text,
  counted: { enum: ['all', 'sample'] },
  examples: whole,
  tokens: object({
    per_epoch: whole,
    supervised_per_epoch: whole,
    trained: whole,
    longest: whole,
    cut: wholeOrNull,
  }),
  steps: whole,
  seconds: orNull(number),
  seconds_reckoned: number,
  memory: object({ bytes: whole, limit_bytes: whole, fits: truth, message: textOrNull }),
  hyperparameters: anyObject,
  openai: orNull(object({ source: text, prices: arrayOf(price) })),
  failure: orNull(object({ code: text, message: text, param: textOrNull })),
  warnings: texts,
  recommendation,
});

export const fineTuningOperations: Operations = {
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
};
