/** How a grading fails: with a score of 0, the flag that the service raises for it, and a sentence for people. */

import type { GraderErrors } from '../domain/grader.ts';

export const noErrors: GraderErrors = {
  formula_parse_error: false,
  sample_parse_error: false,
  truncated_observation_error: false,
  unresponsive_reward_error: false,
  invalid_variable_error: false,
  other_error: false,
  python_grader_server_error: false,
  python_grader_server_error_type: null,
  python_grader_runtime_error: false,
  python_grader_runtime_error_details: null,
  model_grader_server_error: false,
  model_grader_refusal_error: false,
  model_grader_parse_error: false,
  model_grader_server_error_details: null,
};

export class GradingFailure extends Error {
  readonly errors: Partial<GraderErrors>;

  constructor(message: string, errors: Partial<GraderErrors>) {
    super(message);
    this.errors = errors;
  }
}

/** What several gradings raised, together; the first detail is the one that is told. */
export function allErrors(each: readonly GraderErrors[]): GraderErrors {
  const names = Object.keys(noErrors) as (keyof GraderErrors)[];
  const raised = names.map((name) => [name, each.map((errors) => errors[name]).find(Boolean) ?? noErrors[name]]);
  return Object.fromEntries(raised) as GraderErrors;
}
