/**
 * What a grader may say, and what it means where it says nothing.
 *
 * Everything that can be known to be wrong before there is data is refused here: an unknown operation, a template
 * that names neither item nor sample, a formula that mentions no part, a label that passes and does not exist.
 */

import { z } from 'zod';
import type { Grader, MultiGrader, SingleGrader } from '../domain/grader.ts';
import { FormulaError, parseFormula } from './formula.ts';
import { textMetrics } from './similarity/metrics.ts';
import { templateProblem } from './template.ts';

const sourceBytesMax = 256 * 1024;
const imageTag = '2025-05-08';

const name = z.string().min(1).max(256);
const threshold = z.number().nullish();

const template = z
  .string()
  .max(1_000_000)
  .superRefine((text, context) => {
    const problem = templateProblem(text);
    if (problem !== null) refuse(context, [], `Invalid template: ${problem}.`);
  });

const stringCheck = z.strictObject({
  type: z.literal('string_check'),
  name,
  input: template,
  reference: template,
  // One of OpenAI's guides writes `neq`.
  operation: z.enum(['eq', 'ne', 'like', 'ilike', 'neq']).transform((sign) => (sign === 'neq' ? 'ne' : sign)),
});

const textSimilarity = z
  .strictObject({
    type: z.literal('text_similarity'),
    name,
    input: template,
    reference: template,
    evaluation_metric: z.enum(['cosine', ...(Object.keys(textMetrics) as (keyof typeof textMetrics)[])]),
    pass_threshold: threshold,
  })
  .transform(withoutNulls);

const textPart = z.strictObject({ type: z.enum(['input_text', 'output_text']), text: template });
const otherPart = z.looseObject({ type: z.enum(['input_image', 'input_audio']) }).refine(() => false, {
  message: 'Graders of this server read text only; images and audio cannot be judged.',
  params: { code: 'unsupported_value' },
});
const part = z.union([template, textPart, otherPart]);

const message = z.strictObject({
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content: z.union([part, z.array(part).min(1)]),
  type: z.literal('message').optional(),
});
const messages = z.array(message).min(1).max(100);

const samplingParams = z.strictObject({
  seed: z.int().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  max_completions_tokens: z.int().min(1).nullish(),
  reasoning_effort: z.string().nullish(),
});

const scoreModel = z
  .strictObject({
    type: z.literal('score_model'),
    name,
    model: z.string().min(1),
    input: messages,
    range: z
      .tuple([z.number(), z.number()])
      .nullish()
      .transform((range) => range ?? [0, 1])
      .refine(([low, high]) => low! < high!, 'Invalid range: expected two numbers, the smaller one first.'),
    sampling_params: samplingParams.nullish(),
    pass_threshold: threshold,
  })
  .transform(withoutNulls);

const labelModel = z
  .strictObject({
    type: z.literal('label_model'),
    name,
    model: z.string().min(1),
    input: messages,
    labels: z.array(z.string().min(1)).min(1).max(1000),
    passing_labels: z.array(z.string()).min(1),
  })
  .superRefine(({ labels, passing_labels }, context) => {
    const [unknown] = passing_labels.filter((label) => !labels.includes(label));
    if (unknown !== undefined)
      refuse(context, ['passing_labels'], `Invalid passing_labels: '${unknown}' is not one of the labels.`);
  });

const python = z
  .strictObject({
    type: z.literal('python'),
    name,
    source: z.string().refine((source) => Buffer.byteLength(source) < sourceBytesMax, {
      message: 'Invalid source: a grader must be smaller than 256 kB.',
      params: { code: 'string_above_max_length' },
    }),
    image_tag: z
      .string()
      .nullish()
      .transform((tag) => tag ?? imageTag),
    pass_threshold: threshold,
  })
  .transform(withoutNulls);

const single = z.discriminatedUnion('type', [stringCheck, textSimilarity, scoreModel, labelModel, python]);

const multi = z
  .strictObject({
    type: z.literal('multi'),
    name,
    graders: z.record(z.string().regex(/^[A-Za-z_]\w{0,63}$/), single),
    calculate_output: z.string().min(1).max(4000),
  })
  .superRefine(({ graders, calculate_output }, context) => {
    if (Object.keys(graders).length === 0) refuse(context, ['graders'], 'Invalid graders: expected at least one.');
    try {
      const { names } = parseFormula(calculate_output);
      const [stranger] = [...names].filter((each) => !Object.hasOwn(graders, each));
      if (stranger !== undefined)
        throw new FormulaError(`It mentions "${stranger}"; the graders are ${Object.keys(graders).join(', ')}.`);
    } catch (error) {
      if (!(error instanceof FormulaError)) throw error;
      refuse(context, ['calculate_output'], `Invalid formula: ${error.message}`);
    }
  });

/** A grader with everything filled in that it left open. */
export const graderSchema = z.discriminatedUnion('type', [
  stringCheck,
  textSimilarity,
  scoreModel,
  labelModel,
  python,
  multi,
]) as unknown as z.ZodType<Grader>;

function refuse(context: z.core.$RefinementCtx, path: string[], message: string): void {
  context.addIssue({ code: 'custom', path, message, params: { code: 'invalid_value' } });
}

/** An explicit null equals absence; the answer shows only what was said. */
function withoutNulls<Value extends object>(value: Value): Value {
  const said = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(said) as Value;
}

export const isMulti = (grader: Grader): grader is MultiGrader => grader.type === 'multi';

/** A grader's parts, or itself when it has none. */
export const partsOf = (grader: Grader): readonly SingleGrader[] =>
  isMulti(grader) ? Object.values(grader.graders) : [grader];
