/**
 * What requests for evals and runs may say, in the spelling in which it is kept: defaults filled in, messages in
 * one form, nulls gone.
 *
 * Two things are ours: a run's `endpoint`, any OpenAI-compatible server that answers instead of a model of this
 * house, and a `pass_threshold` for `multi` graders, which OpenAI's evals do not take.
 */

import { z } from 'zod';
import type { Grader } from '../../domain/grader.ts';
import { graderSchema } from '../../graders/schema.ts';
import { templateProblem } from '../../graders/template.ts';

const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? undefined);
const record = z.record(z.string(), z.unknown());
const moment = maybe(z.int().min(0));

const metadata = z.record(z.string().max(64), z.string().max(512)).refine((pairs) => Object.keys(pairs).length <= 16, {
  message: "Invalid 'metadata': expected at most 16 pairs.",
  params: { code: 'object_above_max_properties' },
});
const name = maybe(z.string().max(512));

/** Metadata of stored answers are texts; a filter may ask for others, and then finds nothing. */
const filter = maybe(record);

const dataSourceConfig = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('custom'), item_schema: record, include_sample_schema: maybe(z.boolean()) }),
  z.strictObject({ type: z.literal('logs'), metadata: filter }),
  z.strictObject({ type: z.literal('stored_completions'), metadata: filter }),
]);

interface Message {
  readonly type?: 'message' | null | undefined;
  readonly role: string;
  readonly content: unknown;
}

/** A plain text is a message's only part. */
function withForm<Said extends Message>(said: Said) {
  const { content } = said;
  const parts = typeof content === 'string' ? { type: 'input_text' as const, text: content } : content;
  return { ...said, type: 'message' as const, content: parts as Exclude<Said['content'], string> | TextPart };
}

interface TextPart {
  readonly type: 'input_text';
  readonly text: string;
}

const isMessage = (value: unknown): value is Message => typeof value === 'object' && value !== null && 'role' in value;

/** Those whose scores are more than yes and no. */
const takeThresholds: ReadonlySet<unknown> = new Set(['score_model', 'text_similarity', 'python', 'multi']);

/** A grader as evals take it: the mark from which its scores pass is the eval's own business. */
const criterion = z
  .record(z.string(), z.unknown())
  .transform((said, context): Grader & { readonly pass_threshold?: number } => {
    // An eval that was looked at and is made again brings the ids of the other's criteria.
    const { id: _, pass_threshold: threshold = null, ...grader } = said;
    if (Array.isArray(grader['input']))
      grader['input'] = grader['input'].map((each: unknown) => (isMessage(each) ? withForm(each) : each));
    const takesThreshold = takeThresholds.has(grader['type']);
    if (threshold !== null && !takesThreshold) grader['pass_threshold'] = threshold;
    const parsed = graderSchema.safeParse(grader, { reportInput: true });
    if (!parsed.success) {
      // Whoever parses the whole body puts them into words.
      for (const { message, ...issue } of parsed.error.issues)
        context.issues.push((issue.code === 'custom' ? { ...issue, message } : issue) as never);
      return z.NEVER;
    }
    if (threshold === null && grader['type'] !== 'text_similarity') return parsed.data;
    if (typeof threshold === 'number') return { ...parsed.data, pass_threshold: threshold };
    const input = threshold ?? undefined;
    context.issues.push({ code: 'invalid_type', expected: 'number', input, path: ['pass_threshold'] });
    return z.NEVER;
  });

export const evalRequestSchema = z.strictObject({
  name,
  metadata: maybe(metadata),
  data_source_config: dataSourceConfig,
  testing_criteria: z.array(criterion).min(1).max(100),
});

export const evalUpdateSchema = z.strictObject({ name, metadata: maybe(metadata) });

export type EvalRequest = z.output<typeof evalRequestSchema>;
export type EvalUpdate = z.output<typeof evalUpdateSchema>;

/** What the model is asked is made from the item alone: there is no sample yet. */
const template = z
  .string()
  .max(1_000_000)
  .superRefine((text, context) => {
    const problem =
      templateProblem(text) ?? (/\{\{\s*sample\b/.test(text) ? 'there is no sample before a model has answered' : null);
    if (problem !== null)
      context.addIssue({ code: 'custom', message: `Invalid template: ${problem}.`, params: { code: 'invalid_value' } });
  });

const text = z.strictObject({ type: z.enum(['input_text', 'output_text', 'text']), text: template });
const otherPart = z.looseObject({ type: z.enum(['input_image', 'input_audio', 'image_url']) }).refine(() => false, {
  message: 'Models of this server read text only; images and audio cannot be sampled from.',
  params: { code: 'unsupported_value' },
});
const part = z.union([template, text, otherPart]);

const message = z
  .strictObject({
    type: z.literal('message').nullish(),
    role: z.enum(['system', 'developer', 'user', 'assistant']),
    content: z.union([part, z.array(part).min(1)]),
  })
  .transform((said) => withForm(said));

/** A path is one where even an empty item would be the reason that it leads nowhere. */
const itemPath = z.string().refine((path) => path.startsWith('item') && templateProblem(`{{${path}}}`) === null, {
  message: 'Invalid item_reference: expected a path in the item, such as item.messages.',
  params: { code: 'invalid_value' },
});

const inputMessages = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('template'), template: z.array(message).min(1).max(2048) }),
  z.strictObject({ type: z.literal('item_reference'), item_reference: itemPath }),
]);

/** Of one run. */
export const itemsMax = 100_000;

const fileContent = z.strictObject({
  type: z.literal('file_content'),
  content: z
    .array(z.strictObject({ item: record, sample: maybe(record) }))
    .min(1)
    .max(itemsMax),
});
const fileId = z.strictObject({ type: z.literal('file_id'), id: z.string().min(1) });
const storedCompletions = z.strictObject({
  type: z.literal('stored_completions'),
  metadata: filter,
  model: maybe(z.string()),
  created_after: moment,
  created_before: moment,
  limit: maybe(z.int().min(1)),
});
const storedResponses = z.strictObject({
  type: z.literal('responses'),
  metadata: filter,
  model: maybe(z.string()),
  instructions_search: maybe(z.string()),
  created_after: moment,
  created_before: moment,
  reasoning_effort: maybe(z.string()),
  temperature: maybe(z.number()),
  top_p: maybe(z.number()),
  users: maybe(z.array(z.string())),
  tools: maybe(z.array(z.string())),
  // The document has it nowhere, and programs that come from stored completions send it.
  limit: maybe(z.int().min(1)),
});

const sampling = {
  temperature: maybe(z.number().min(0).max(2)),
  top_p: maybe(z.number().min(0).max(1)),
  seed: maybe(z.int()),
  max_completion_tokens: maybe(z.int().min(1)),
  reasoning_effort: maybe(z.string()),
  tools: maybe(z.array(record).max(128)),
};

const endpoint = z.strictObject({
  base_url: z.string().regex(/^https?:\/\/\S+$/),
  /** Never shown again. */
  api_key: maybe(z.string().min(1)),
});

const asking = { model: maybe(z.string().min(1)), input_messages: maybe(inputMessages), endpoint: maybe(endpoint) };

const dataSource = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('jsonl'), source: z.discriminatedUnion('type', [fileContent, fileId]) }),
  z.strictObject({
    type: z.literal('completions'),
    source: z.discriminatedUnion('type', [fileContent, fileId, storedCompletions]),
    ...asking,
    sampling_params: maybe(z.strictObject({ ...sampling, response_format: maybe(record) })),
  }),
  z.strictObject({
    type: z.literal('responses'),
    source: z.discriminatedUnion('type', [fileContent, fileId, storedResponses]),
    ...asking,
    sampling_params: maybe(z.strictObject({ ...sampling, text: maybe(z.strictObject({ format: maybe(record) })) })),
  }),
]);

export const runRequestSchema = z.strictObject({ name, metadata: maybe(metadata), data_source: dataSource });

export type RunRequest = z.output<typeof runRequestSchema>;
export type DataSource = z.output<typeof dataSource>;
export type Source = DataSource['source'];
export type SamplingSource = Extract<DataSource, { type: 'completions' | 'responses' }>;
export type InputMessages = NonNullable<SamplingSource['input_messages']>;
