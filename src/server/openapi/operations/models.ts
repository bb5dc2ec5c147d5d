/** Models: those that answer, base models with their other names, and where fine-tuned ones come from. */

import {
  arrayOf,
  deleted,
  listOf,
  number,
  object,
  orNull,
  row,
  text,
  textOrNull,
  truth,
  whole,
  wholeOrNull,
  type Operations,
} from './operation.ts';

const baseModel = object({
  object: { const: 'base_model' },
  id: text,
  name: text,
  status: { enum: ['installed', 'available', 'damaged'] },
  family: text,
  parameters: whole,
  context_tokens: whole,
  size_bytes: whole,
  licence: text,
  sources: arrayOf(text),
  revision: textOrNull,
  sha256: textOrNull,
  original: textOrNull,
  created_at: wholeOrNull,
  serving_only: textOrNull,
  encoder: orNull(truth),
  fine_tunes: whole,
  problem: textOrNull,
});
const figures = { type: 'object', additionalProperties: number };
const figure = object({ value: number, low: number, high: number, small: truth }, ['value', 'low', 'high']);
const taskMetrics = object({
  task: text,
  count: whole,
  figures: { type: 'object', additionalProperties: figure },
});
const fineTunedModel = object({
  object: { const: 'fine_tuned_model' },
  id: text,
  created_at: whole,
  base: text,
  base_model: text,
  base_installed: truth,
  job: text,
  step: wholeOrNull,
  is_checkpoint: truth,
  size_bytes: whole,
  kind: { enum: ['adapter', 'whole'] },
  encoder: truth,
  metrics: figures,
  task_metrics: orNull(taskMetrics),
  lent: truth,
});
/** A file that a job was given, also when it is there no longer. */
export const trainedFile = object({
  role: { enum: ['training', 'validation'] },
  id: text,
  filename: textOrNull,
  bytes: wholeOrNull,
  sha256: textOrNull,
});
const trainingJob = object({
  id: text,
  status: text,
  method: text,
  created_at: whole,
  finished_at: wholeOrNull,
  trained_tokens: wholeOrNull,
});
const evalOfModel = object({
  eval: text,
  run: text,
  name: text,
  status: text,
  created_at: whole,
  passed: whole,
  total: whole,
});
const lineage = object({
  object: { const: 'model.lineage' },
  model: fineTunedModel,
  data: arrayOf(trainedFile),
  parent: object({ id: text, is_base: truth }),
  base_sha256: textOrNull,
  job: orNull(trainingJob),
  siblings: arrayOf(object({ id: text, step: wholeOrNull })),
  children: arrayOf(text),
  evals: arrayOf(evalOfModel),
  exports: arrayOf(object({ task: text, format: text, status: text, created_at: whole })),
});
const alias = object({
  object: { const: 'model_alias' },
  id: text,
  model: text,
  available: truth,
  source: { enum: ['setting', 'database'] },
  created_at: wholeOrNull,
});

export const modelOperations: Operations = {
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
      response: deleted('base_model.deleted'),
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

  'GET /v1/model_aliases': row('Models', 'List other names of base models.', { response: listOf(alias) }),
  'POST /v1/model_aliases': row('Models', 'Give a base model another name, or let a name stand for another.', {
    request: object({ alias: text, model: text }),
    response: alias,
  }),
  'DELETE /v1/model_aliases/:alias': row('Models', 'Take a name away.', { response: deleted('model_alias.deleted') }),
};
