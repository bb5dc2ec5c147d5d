/**
 * Fine-tunes a model on a chat JSONL file and asks it something; the official SDK and nothing else.
 *
 *   OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=tunesmith \
 *     node examples/fine-tune.mjs smollm2-135m-instruct train.jsonl "Hello"
 *
 * Without OPENAI_BASE_URL the same program fine-tunes at OpenAI.
 */

import { createReadStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';

const [model, path, question = 'Hello'] = process.argv.slice(2);
if (model === undefined || path === undefined) {
  console.error('Usage: node examples/fine-tune.mjs <model> <train.jsonl> [question]');
  process.exit(2);
}

const openai = new OpenAI();
const file = await openai.files.create({ file: createReadStream(path), purpose: 'fine-tune' });
let job = await openai.fineTuning.jobs.create({ model, training_file: file.id });

const seen = new Set();
for (;;) {
  job = await openai.fineTuning.jobs.retrieve(job.id);
  const { data } = await openai.fineTuning.jobs.listEvents(job.id, { limit: 100 });
  for (const event of data.reverse()) {
    if (!seen.has(event.id)) console.log(event.message);
    seen.add(event.id);
  }
  if (['succeeded', 'failed', 'cancelled'].includes(job.status)) break;
  await sleep(1000);
}

if (job.status !== 'succeeded') {
  console.error(`${job.id} ${job.status}: ${job.error?.message ?? 'no reason was given'}`);
  process.exit(1);
}

const completion = await openai.chat.completions.create({
  model: job.fine_tuned_model,
  messages: [{ role: 'user', content: question }],
  max_tokens: 50,
});
console.log(`${job.fine_tuned_model} says: ${completion.choices[0].message.content}`);
