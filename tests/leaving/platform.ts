/** Our own server playing OpenAI: a job that trained, its files, stored completions. */

import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { Closing } from '../../src/closing.ts';
import { openTestHouse } from '../house.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';

export interface Platform extends AsyncDisposable {
  readonly url: string;
  readonly openai: OpenAI;
  readonly job: OpenAI.FineTuning.FineTuningJob & { readonly fine_tuned_model: string };
  readonly trainingFile: string;
  readonly trainingBytes: Buffer;
  readonly validationFile: string;
  readonly completions: readonly string[];
  readonly evalId: string;
  readonly runId: string;
  readonly evalFile: string;
}

export const example = (i: number): string => {
  const label = i % 2 === 0 ? 'yes' : 'no';
  const content = label === 'yes' ? `aaaa ${i}` : `zzzz ${i}`;
  return JSON.stringify({ messages: [{ role: 'user', content }, { role: 'assistant', content: label }] }); // prettier-ignore
};
export const examples = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `${example(from + i)}\n`).join('');

export async function openPlatform(): Promise<Platform> {
  await using opening = new Closing();
  const home = await mkdtemp(join(tmpdir(), 'tunesmith-platform-'));
  opening.defer(() => rm(home, { recursive: true, force: true }));
  await writeTinyLlama(join(home, 'tiny.gguf'));
  const pulled = await tunesmith(['models', 'pull', join(home, 'tiny.gguf'), '--home', home]);
  if (pulled.code !== 0) throw new Error(pulled.stderr);
  const house = opening.use(await openTestHouse({ home }));
  const { openai } = house;
  const upload = async (text: string, name: string, purpose: 'fine-tune' | 'evals' = 'fine-tune'): Promise<string> =>
    (await openai.files.create({ file: await toFile(Buffer.from(text), name), purpose })).id;
  const training = examples(0, 60);
  const trainingFile = await upload(training, '../train.jsonl');
  const validationFile = await upload(examples(100, 10), 'valid.jsonl');
  let job = await openai.fineTuning.jobs.create({
    model: 'tiny',
    training_file: trainingFile,
    validation_file: validationFile,
    suffix: 'mail',
    seed: 7,
    metadata: { team: 'mail' },
    method: {
      type: 'supervised',
      supervised: { hyperparameters: { n_epochs: 1, batch_size: 12, learning_rate_multiplier: 2 } },
    },
  });
  await until(async () => {
    job = await openai.fineTuning.jobs.retrieve(job.id);
    return ['succeeded', 'failed', 'cancelled'].includes(job.status);
  });
  const { fine_tuned_model } = job;
  if (fine_tuned_model === null) throw new Error(`The platform's job ended ${job.status}: ${job.error?.message}`);
  const completions: string[] = [];
  for (const content of ['aaaa 1', 'zzzz 2', 'aaaa 3']) {
    const messages = [{ role: 'user', content }] as const;
    const { id } = await openai.chat.completions.create({
      model: fine_tuned_model,
      messages: [...messages],
      max_completion_tokens: 3,
      store: true,
      metadata: { team: 'mail' },
    });
    completions.push(id);
  }
  const evalFile = await upload(
    [0, 1, 2].map((i) => `${JSON.stringify({ item: { mail: i % 2 === 0 ? `aaaa ${i}` : `zzzz ${i}`, label: i % 2 === 0 ? 'yes' : 'no' } })}\n`).join(''), // prettier-ignore
    'items.jsonl',
    'evals',
  );
  const made = await openai.evals.create({
    name: 'mail',
    metadata: { team: 'mail' },
    data_source_config: {
      type: 'custom',
      item_schema: { type: 'object', properties: { mail: { type: 'string' }, label: { type: 'string' } } },
      include_sample_schema: true,
    },
    testing_criteria: [
      {
        type: 'string_check',
        name: 'same',
        input: '{{sample.output_text}}',
        reference: '{{item.label}}',
        operation: 'eq',
      },
    ],
  });
  const run = await openai.evals.runs.create(made.id, {
    name: 'first',
    data_source: {
      type: 'completions',
      model: fine_tuned_model,
      source: { type: 'file_id', id: evalFile },
      input_messages: { type: 'template', template: [{ role: 'user', content: '{{item.mail}}' }] },
      sampling_params: { temperature: 0, max_completion_tokens: 3 },
    },
  });
  await until(async () => {
    const { status } = await openai.evals.runs.retrieve(run.id, { eval_id: made.id });
    if (status === 'failed') throw new Error("The platform's run failed.");
    return status === 'completed';
  });
  const open = opening.move();
  return {
    url: house.url,
    openai,
    job: { ...job, fine_tuned_model },
    trainingFile,
    trainingBytes: Buffer.from(training),
    validationFile,
    completions,
    evalId: made.id,
    runId: run.id,
    evalFile,
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
}

export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((passed) => setTimeout(passed, 100));
}
