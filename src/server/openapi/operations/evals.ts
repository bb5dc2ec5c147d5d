/** Evals, their runs, and the report of a run. */

import {
  anyObject,
  arrayOf,
  number,
  object,
  orNull,
  row,
  schema,
  text,
  truth,
  whole,
  type Operations,
} from './operation.ts';

const estimate = orNull(object({ value: number, low: number, high: number, n: whole, small: truth }));
const criterion = object({
  id: text,
  name: text,
  type: text,
  pass_threshold: orNull(number),
  passed: whole,
  failed: whole,
  errored: whole,
  pass_rate: estimate,
  mean_score: estimate,
  scores: arrayOf(object({ from: number, to: number, count: whole })),
  labels: arrayOf(object({ label: text, count: whole })),
  evaluation: orNull(anyObject),
});
const evalRunReport = object({
  object: { const: 'eval.run.report' },
  run_id: text,
  eval_id: text,
  status: text,
  result_counts: anyObject,
  pass_rate: estimate,
  criteria: arrayOf(criterion),
  tokens: orNull(object({ prompt: number, completion: number, cached: number })),
});

export const evalOperations: Operations = {
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
};
