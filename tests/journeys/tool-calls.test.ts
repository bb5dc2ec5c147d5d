/** A model that learnt to call functions calls them: from a training file with tools to `tool_calls` in an answer. */

import type OpenAI from 'openai';
import { expect, test } from 'vitest';
import { openTestHouse } from '../house.ts';
import { tinyHome, upload, waitFor } from '../jobs/tiny-house.ts';

const tools: OpenAI.ChatCompletionFunctionTool[] = [
  {
    type: 'function',
    function: { name: 'send', parameters: { type: 'object', properties: { to: { type: 'string' } } } },
  },
];

/** Spaces within the arguments are the example's own, and come back as they were learnt. */
const [question, text] = ['Mail Ann and Bob.', '{"to":  "ann", "cc":["bob"]}'] as const;

const user = (content: string) => ({ role: 'user', content }) as const;
const call = (text: string) =>
  ({ id: 'call_1', type: 'function', function: { name: 'send', arguments: text } }) as const;

test('calls that were learnt are made, and results are answered as they were', async () => {
  await using folder = await tinyHome();
  await using house = await openTestHouse({ home: folder.home, threads: 1 });
  const { openai } = house;
  const line = JSON.stringify({
    messages: [
      user(question),
      { role: 'assistant', content: null, tool_calls: [call(text)] },
      { role: 'tool', tool_call_id: 'call_1', content: 'done' },
      { role: 'assistant', content: 'It is sent.' },
    ],
    tools,
  });
  const hyperparameters = { n_epochs: 14, batch_size: 2, learning_rate: 0.01, base_precision: 'f32' };
  const { id } = await openai.fineTuning.jobs.create({
    model: 'tiny',
    training_file: await upload(
      openai,
      Array.from({ length: 10 }, () => line),
    ),
    method: { type: 'supervised', supervised: { hyperparameters } },
    seed: 5,
  });
  const { job } = await waitFor(openai, id);
  expect(job.status).toBe('succeeded');

  const ask = (messages: OpenAI.ChatCompletionMessageParam[]) =>
    openai.chat.completions.create({ model: job.fine_tuned_model!, messages, tools, temperature: 0, max_tokens: 120 });
  const [choice] = (await ask([user(question)])).choices;
  expect(choice!.finish_reason).toBe('tool_calls');
  expect(choice!.message.content).toBeNull();
  expect(choice!.message.tool_calls).toMatchObject([{ type: 'function', function: { name: 'send', arguments: text } }]);
  const { id: callId } = choice!.message.tool_calls![0]!;
  const result = { role: 'tool', tool_call_id: callId, content: 'done' } as const;
  const [next] = (await ask([user(question), choice!.message, result])).choices;
  expect(next!.message.content).toBe('It is sent.');
});
