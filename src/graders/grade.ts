/**
 * A grader, an item and a sample give a score.
 *
 * Never throws for what is wrong with data, with an answer or with a grader's own program: such a grading scores 0
 * and says what happened, so that one bad line does not end a training or an evaluation. It does throw when the
 * signal aborts. Models, embeddings and Python are handed in as tools; nothing here knows where they run.
 */

import type {
  Grade,
  Grader,
  MultiGrader,
  SingleGrader,
  StringCheckGrader,
  Subject,
  TextSimilarityGrader,
} from '../domain/grader.ts';
import { allErrors, GradingFailure, noErrors } from './failure.ts';
import { FormulaError, parseFormula } from './formula.ts';
import { gradeByLabel, gradeByScore } from './model.ts';
import { isMulti } from './schema.ts';
import { textMetrics } from './similarity/metrics.ts';
import { render, UnknownVariable } from './template.ts';
import type { Finding, GraderTools } from './tools.ts';

export async function grade(grader: Grader, subject: Subject, tools: GraderTools, signal: AbortSignal): Promise<Grade> {
  try {
    const grades = isMulti(grader) ? gradeMulti : singles[grader.type];
    const found = await grades(grader as never, subject, tools, signal);
    if (!Number.isFinite(found.score))
      throw new GradingFailure(`The score is ${found.score}; a number was expected.`, { other_error: true });
    return { ...nothing, ...found };
  } catch (error) {
    signal.throwIfAborted();
    const { message, errors } = asFailure(error);
    return { ...nothing, errors: { ...noErrors, ...errors }, problem: message };
  }
}

const nothing: Grade = { score: 0, errors: noErrors, problem: null, parts: {}, label: null, tokens: {} };

function asFailure(error: unknown): GradingFailure {
  if (error instanceof GradingFailure) return error;
  if (error instanceof UnknownVariable) return new GradingFailure(error.message, { invalid_variable_error: true });
  if (error instanceof FormulaError) return new GradingFailure(error.message, { formula_parse_error: true });
  return new GradingFailure(error instanceof Error ? error.message : String(error), { other_error: true });
}

type Kind<Type extends SingleGrader['type']> = Extract<SingleGrader, { type: Type }>;

const singles: {
  readonly [Type in SingleGrader['type']]: (
    grader: Kind<Type>,
    subject: Subject,
    tools: GraderTools,
    signal: AbortSignal,
  ) => Promise<Finding>;
} = {
  string_check: async (grader, subject) => ({ score: checkString(grader, subject) ? 1 : 0 }),
  text_similarity: async (...given) => ({ score: await similarity(...given) }),
  score_model: gradeByScore,
  label_model: gradeByLabel,
  python: async ({ source }, subject, { python }, signal) => ({ score: await python.grade(source, subject, signal) }),
};

async function gradeMulti(
  { graders, calculate_output }: MultiGrader,
  subject: Subject,
  tools: GraderTools,
  signal: AbortSignal,
): Promise<Finding> {
  const formula = parseFormula(calculate_output);
  const names = Object.keys(graders);
  const grades = await Promise.all(names.map((name) => grade(graders[name]!, subject, tools, signal)));
  const parts = Object.fromEntries(names.map((name, i) => [name, grades[i]!.score]));
  const problem = grades.find((part) => part.problem !== null)?.problem ?? null;
  return {
    score: formula.evaluate(parts),
    parts,
    problem,
    errors: allErrors(grades.map(({ errors }) => errors)),
    tokens: addTokens(grades.map(({ tokens }) => tokens)),
  };
}

function checkString({ operation, input, reference }: StringCheckGrader, subject: Subject): boolean {
  return checks[operation](render(input, subject), render(reference, subject));
}

const checks: Readonly<Record<StringCheckGrader['operation'], (found: string, wanted: string) => boolean>> = {
  eq: (found, wanted) => found === wanted,
  ne: (found, wanted) => found !== wanted,
  like: (found, wanted) => found.includes(wanted),
  ilike: (found, wanted) => found.toLowerCase().includes(wanted.toLowerCase()),
};

/** Comparing costs the product of both lengths; beyond this a grading would hold up everything else. */
const comparedCharactersMax = 100_000;

async function similarity(
  { evaluation_metric: metric, input, reference }: TextSimilarityGrader,
  subject: Subject,
  tools: GraderTools,
  signal: AbortSignal,
): Promise<number> {
  const [found, wanted] = [render(input, subject), render(reference, subject)];
  const length = Math.max(found.length, wanted.length);
  if (length > comparedCharactersMax)
    throw new GradingFailure(
      `A text of ${length} characters cannot be compared; at most ${comparedCharactersMax} can.`,
      { truncated_observation_error: true },
    );
  if (metric !== 'cosine') return textMetrics[metric](found, wanted);
  if (found === '' || wanted === '') return found === wanted ? 1 : 0;
  const [a, b] = await tools.embed([found, wanted], signal);
  const cosine = a!.reduce((sum, value, i) => sum + value * b![i]!, 0);
  return Math.min(1, Math.max(0, cosine));
}

function addTokens(each: readonly Grade['tokens'][]): Grade['tokens'] {
  const sums: Record<string, Record<string, number>> = {};
  for (const [model, tokens] of each.flatMap((tokens) => Object.entries(tokens))) {
    const sum = (sums[model] ??= {});
    for (const [name, count] of Object.entries(tokens)) sum[name] = (sum[name] ?? 0) + Number(count);
  }
  return sums as unknown as Grade['tokens'];
}
