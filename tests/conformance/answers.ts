/** The endpoints that answer, driven so that every parameter is said once where it is taken and once where it is not. */

import { BadRequestError } from 'openai';
import type OpenAI from 'openai';
import { expect } from 'vitest';

const weather = {
  name: 'weather',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string', enum: ['Rome', 'Oslo'] } },
    required: ['city'],
    additionalProperties: false,
  },
};
const tools = [{ type: 'function', function: { ...weather, strict: true } }] as const;
const place = {
  type: 'object',
  properties: { city: { enum: ['Rome', 'Oslo'] } },
  required: ['city'],
  additionalProperties: false,
};
const model = 'tiny';

/** What the types would not let a program say, or what they know by another name. */
type Loose = Record<string, unknown>;

/** Refused with 400, as a program sees it. */
const refused = (request: Promise<unknown>): Promise<void> => expect(request).rejects.toBeInstanceOf(BadRequestError);

async function read(stream: AsyncIterable<unknown>): Promise<void> {
  let events = 0;
  for await (const _ of stream) events += 1;
  expect(events).toBeGreaterThan(0);
}

export async function chat(openai: OpenAI): Promise<void> {
  const messages = [{ role: 'user', content: 'Tell me a story as json.' }] as const;
  const create = (wishes: Loose): Promise<OpenAI.ChatCompletion> =>
    openai.chat.completions.create({ model, messages: [...messages], max_completion_tokens: 4, ...wishes });
  const stream = (wishes: Loose) =>
    openai.chat.completions.create({
      model,
      messages: [...messages],
      max_completion_tokens: 4,
      ...wishes,
      stream: true,
    });

  const kept = await create({
    temperature: 0,
    top_p: 1,
    n: 2,
    stop: ['\n\n\n'],
    logprobs: true,
    top_logprobs: 2,
    logit_bias: { '5': -100 },
    frequency_penalty: 0.1,
    presence_penalty: 0.1,
    seed: 7,
    store: true,
    metadata: { team: 'tests' },
    user: 'u',
    safety_identifier: 's',
    prompt_cache_key: 'k',
    prompt_cache_retention: '24h',
    prompt_cache_options: { mode: 'explicit' },
    service_tier: 'auto',
    prediction: { type: 'content', content: 'Once' },
    verbosity: 'low',
    reasoning_effort: 'low',
    modalities: ['text'],
  });
  await create({ max_tokens: 3, max_completion_tokens: null });
  await create({ response_format: { type: 'json_object' } });
  const shaped = { type: 'json_schema', json_schema: { name: 'place', schema: place, strict: true } };
  await create({ response_format: shaped, max_completion_tokens: 100 });
  await create({ tools, tool_choice: 'required', parallel_tool_calls: false, max_completion_tokens: 100 });
  await create({ functions: [weather], function_call: { name: 'weather' }, max_completion_tokens: 100 });

  await read(await stream({ stream_options: { include_usage: true }, logprobs: true, top_logprobs: 1 }));
  await read(await stream({ tools, tool_choice: 'required', max_completion_tokens: 100 }));

  await refused(create({ modalities: ['text', 'audio'] }));
  await refused(create({ audio: { voice: 'alloy', format: 'mp3' } }));
  await refused(create({ web_search_options: {} }));
  await refused(create({ moderation: { model: 'omni-moderation-latest' } }));
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } };
  await refused(create({ messages: [{ role: 'user', content: [image] }] }));
  await refused(create({ tools: [{ type: 'custom', custom: { name: 'code' } }] }));

  const { completions } = openai.chat;
  await completions.list({ limit: 1, order: 'desc', model, metadata: { team: 'tests' } });
  await completions.list({ after: kept.id });
  await completions.retrieve(kept.id);
  const { data } = await completions.messages.list(kept.id, { limit: 1, order: 'desc' });
  await completions.messages.list(kept.id, { after: data[0]!.id });
  await completions.update(kept.id, { metadata: { team: 'others' } });
  await completions.delete(kept.id);
}

export async function responses(openai: OpenAI): Promise<void> {
  const create = (wishes: Loose): Promise<OpenAI.Responses.Response> =>
    openai.responses.create({ model, input: 'Tell me of a city as json.', max_output_tokens: 16, ...wishes });
  const stream = (wishes: Loose) =>
    openai.responses.create({
      model,
      input: 'Tell me of a city as json.',
      max_output_tokens: 16,
      ...wishes,
      stream: true,
    });

  const first = await create({
    instructions: 'Be short.',
    temperature: 0,
    top_p: 1,
    top_logprobs: 2,
    include: ['message.output_text.logprobs'],
    metadata: { team: 'tests' },
    store: true,
    truncation: 'auto',
    reasoning: { effort: 'low' },
    max_tool_calls: 3,
    user: 'u',
    safety_identifier: 's',
    prompt_cache_key: 'k',
    prompt_cache_retention: '24h',
    prompt_cache_options: { mode: 'explicit' },
    service_tier: 'auto',
    stream: false,
  });
  await create({ previous_response_id: first.id });
  await create({ text: { format: { type: 'json_schema', name: 'place', schema: place } }, max_output_tokens: 100 });
  const flat = [{ type: 'function', ...weather, strict: true }];
  const asked = { tools: flat, tool_choice: 'required', parallel_tool_calls: false, max_output_tokens: 100 };
  await create(asked);
  await read(await stream({ stream_options: { include_obfuscation: false }, include: [] }));
  await read(await stream(asked));

  const { id } = await create({ background: true });
  await read(await openai.responses.retrieve(id, { stream: true, starting_after: 0, include_obfuscation: false }));
  await openai.responses.retrieve(id, { include: ['message.output_text.logprobs'] });
  await openai.responses.cancel(id);
  const include = ['message.output_text.logprobs'] as const;
  const { data } = await openai.responses.inputItems.list(id, { limit: 1, order: 'asc', include: [...include] });
  await openai.responses.inputItems.list(id, { after: data[0]!.id });
  await openai.responses.inputTokens.count({ model, input: 'How many?' });
  await openai.responses.delete(id);

  await refused(create({ conversation: 'conv_1' }));
  await refused(create({ prompt: { id: 'pmpt_1' } }));
  await refused(create({ context_management: [{ type: 'compaction' }] }));
  await refused(create({ moderation: { model: 'omni-moderation-latest' } }));
  await refused(create({ tools: [{ type: 'web_search' }] }));
  const image = { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'auto' };
  await refused(create({ input: [{ role: 'user', content: [image] }] }));
}

export async function completions(openai: OpenAI): Promise<void> {
  const create = (wishes: Loose): Promise<OpenAI.Completion> =>
    openai.completions.create({ model, prompt: 'Once upon', max_tokens: 3, ...wishes });
  await create({
    temperature: 0.5,
    top_p: 0.9,
    n: 2,
    best_of: 3,
    echo: true,
    stop: ['\n\n\n'],
    logit_bias: { '5': -100 },
    frequency_penalty: 0.1,
    presence_penalty: 0.1,
    seed: 7,
    user: 'u',
  });
  await create({ echo: true, logprobs: 2, max_tokens: 0 });
  await create({ model: 'filler', suffix: ' the end' });
  const asked = { model, prompt: ['One', 'Two'], max_tokens: 3, stream_options: { include_usage: true } };
  await read(await openai.completions.create({ ...asked, stream: true }));
  await refused(create({ suffix: ' the end' }));
}

export async function embeddings(openai: OpenAI): Promise<void> {
  await openai.embeddings.create({ model, input: ['Hello', 'World'], user: 'u' });
  await openai.embeddings.create({ model, input: 'Hello', encoding_format: 'float', dimensions: 4 });
}
