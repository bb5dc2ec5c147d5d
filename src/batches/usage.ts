/** What a batch has used, added up over answers of every kind. */

import type { BatchUsage } from '../domain/batch.ts';

/** Chat, completions and embeddings say `prompt_tokens`; responses say `input_tokens`. An error says nothing. */
interface Usage {
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number };
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly input_tokens_details?: { readonly cached_tokens?: number };
}

export function addUsage(sum: BatchUsage, answer: unknown): BatchUsage {
  const used = (answer as { usage?: Usage | null }).usage ?? {};
  const input = used.prompt_tokens ?? used.input_tokens ?? 0;
  const output = used.completion_tokens ?? used.output_tokens ?? 0;
  const cached = (used.prompt_tokens_details ?? used.input_tokens_details)?.cached_tokens ?? 0;
  return {
    input_tokens: sum.input_tokens + input,
    input_tokens_details: { cached_tokens: sum.input_tokens_details.cached_tokens + cached },
    output_tokens: sum.output_tokens + output,
    output_tokens_details: sum.output_tokens_details,
    total_tokens: sum.total_tokens + input + output,
  };
}
