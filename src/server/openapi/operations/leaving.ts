/** What was taken from OpenAI. */

import { captureKinds } from '../../../domain/openai-capture.ts';
import {
  arrayOf,
  deleted,
  listOf,
  object,
  row,
  text,
  textOrNull,
  truth,
  whole,
  wholeOrNull,
  type Operations,
} from './operation.ts';

const openaiCapture = object({
  object: { const: 'openai.capture' },
  id: text,
  base_url: text,
  started_at: whole,
  finished_at: wholeOrNull,
  bytes: whole,
  counts: object(Object.fromEntries(captureKinds.map((kind) => [kind, whole]))),
  problem_count: whole,
});
const windDown = object({ evals_read_only: text, evals_off: text, no_new_jobs: text, source: text });
const problem = object({
  kind: { enum: captureKinds },
  id: textOrNull,
  status: wholeOrNull,
  reason: { enum: ['no_rights', 'not_there', 'failed'] },
  message: text,
});
const model = object({
  model: text,
  base: text,
  listed: truth,
  job: textOrNull,
  shutdown_date: textOrNull,
  shutdown_source: { enum: ['server', 'table', 'unknown'] },
  here: textOrNull,
});
const job = object({
  id: text,
  model: text,
  status: text,
  created_at: whole,
  fine_tuned_model: textOrNull,
  method: text,
  here: textOrNull,
});
const recording = object({ id: text, model: text, questions: whole, answered: whole, bytes: whole });
const openaiCaptureDetails = object({
  ...openaiCapture.properties,
  problems: arrayOf(problem),
  models: arrayOf(model),
  jobs: arrayOf(job),
  recordings: arrayOf(recording),
  wind_down: windDown,
  restored: object({ files: whole, jobs: whole, models: whole, evals: whole, runs: whole }),
});
const capturedObject = object({
  object: { const: 'openai.captured_object' },
  id: text,
  kind: { enum: captureKinds },
  original_id: text,
  bytes: whole,
  sha256: text,
  taken_at: whole,
});

export const leavingOperations: Operations = {
  'GET /v1/openai_captures': row('Leaving OpenAI', 'List what was taken from OpenAI.', {
    response: object({
      object: { const: 'list' },
      data: arrayOf(openaiCapture),
      has_more: { const: false },
      wind_down: windDown,
    }),
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
    response: deleted('openai.capture.deleted'),
  }),
};
