/** What `POST /v1/completions` accepts, field by field; `parameters.ts` says what becomes of each. */

import { z } from 'zod';
import { invalid } from '../domain/errors.ts';
import type { Prompt, RawCompletionRequest } from '../serving/serving.ts';
import { completionParameters, refuseUnsupported } from './parameters.ts';
import { promptField, promptsOf } from './prompt-field.ts';
import { optional, parseBody } from './validation.ts';

const number = (minimum: number, maximum: number) => optional(z.number().min(minimum).max(maximum));
const integer = (minimum: number, maximum: number) => optional(z.int().min(minimum).max(maximum));
const stop = z.string().min(1);

const bodySchema = z.strictObject({
  model: z.string(),
  prompt: optional(promptField),
  suffix: optional(z.string()),
  max_tokens: integer(0, Number.MAX_SAFE_INTEGER),
  temperature: number(0, 2),
  top_p: number(0, 1),
  n: integer(1, 128),
  best_of: integer(0, 20),
  echo: optional(z.boolean()),
  logprobs: integer(0, 5),
  stop: optional(z.union([stop, z.array(stop).max(4)])),
  logit_bias: optional(z.record(z.string().regex(/^(?:0|[1-9]\d{0,9})$/), z.number().min(-100).max(100))),
  frequency_penalty: number(-2, 2),
  presence_penalty: number(-2, 2),
  seed: optional(z.int()),
  stream: optional(z.boolean()),
  stream_options: optional(
    z.strictObject({ include_usage: optional(z.boolean()), include_obfuscation: optional(z.boolean()) }),
  ),
  user: z.unknown().optional(),
});

type Body = z.output<typeof bodySchema>;

const usualTokensMax = 16;

export interface TextRequest {
  /** The model's name as it was asked for. */
  readonly model: string;
  readonly prompts: readonly Prompt[];
  /** What is the same for every prompt; its choices are the candidates. */
  readonly wishes: Omit<RawCompletionRequest, 'model' | 'prompt' | 'priority'>;
  /** How many of the candidates are given out per prompt, the best ones. */
  readonly choices: number;
  /** Whether the prompt is given back before each answer. */
  readonly echo: boolean;
  /** Alternatives per token; null for no log-probabilities. */
  readonly logprobs: number | null;
  readonly includeUsage: boolean;
}

export function parseCompletionRequest(value: unknown): TextRequest {
  const body = parseBody(bodySchema, value);
  refuseUnsupported(body, completionParameters);
  checkTogether(body);
  const { logprobs = null, echo = false, n = 1 } = body;
  const candidates = Math.max(body.best_of ?? 0, n);
  const bias = Object.entries(body.logit_bias ?? {});
  return {
    model: body.model,
    prompts: promptsOf(body.prompt ?? '').map((prompt) => withSuffix(prompt, body.suffix)),
    choices: n,
    echo,
    logprobs,
    includeUsage: body.stream_options?.include_usage ?? false,
    wishes: {
      choices: candidates,
      tokensMax: body.max_tokens ?? usualTokensMax,
      stops: [body.stop ?? []].flat(),
      sampling: {
        temperature: body.temperature ?? 1,
        topP: body.top_p ?? 1,
        seed: body.seed ?? null,
        frequencyPenalty: body.frequency_penalty ?? 0,
        presencePenalty: body.presence_penalty ?? 0,
        logitBias: bias.map(([token, value]) => [Number(token), value] as const),
      },
      // The best candidates are found by their log-probabilities.
      topLogprobs: logprobs ?? (candidates > n ? 0 : null),
      scorePrompt: echo && logprobs !== null,
      streaming: body.stream ?? false,
    },
  };
}

function checkTogether({ stream, stream_options, n = 1, best_of, suffix, echo }: Body): void {
  if (stream_options !== undefined && stream !== true)
    throw invalid('stream_options', "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  if (best_of !== undefined && best_of > 0 && best_of < n)
    throw invalid(
      'best_of',
      `You requested that the server return more choices than it will generate (HINT: 'best_of' is ${best_of} and must be at least 'n', which is ${n}).`,
      'invalid_value',
    );
  if (stream === true && (best_of ?? 0) > n)
    throw invalid('best_of', "Results cannot be streamed when 'best_of' is greater than 'n'.", 'invalid_value');
  if (suffix !== undefined && echo === true)
    throw invalid('echo', "The 'echo' parameter is not allowed together with 'suffix'.", 'invalid_value');
}

function withSuffix(prompt: Prompt, suffix: string | undefined): Prompt {
  if (suffix === undefined) return prompt;
  if (prompt.type === 'text') return { ...prompt, suffix };
  throw invalid('suffix', "The 'suffix' parameter is only allowed with prompts of text.", 'invalid_value');
}
