/**
 * Takes the pictures in `docs/images/`: every page of the dashboard with real contents, on a desk and on a phone, light
 * and dark.
 *
 *   npx tsx tests/web/pictures.ts [folder]        a data folder to use, and to keep; what it lacks is made
 *
 * The contents are the quickstart's: SmolLM2-135M learns to tell spam from ham, twice; an eval judges it and its base.
 * On two cores the first time takes about ten minutes, most of it training; with a kept folder it takes one.
 */

import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI, { toFile } from 'openai';
import type { Page } from 'playwright-core';
import type { SampleFiles } from '../../src/domain/sample-files.ts';
import type { Task } from '../../src/domain/task.ts';
import { openTestHouse } from '../house.ts';
import { realModelHome } from '../real-model.ts';
import { openDashboard, sizes, type View } from './browser.ts';
import { at } from './lived-in.ts';

const base = 'smollm2-135m-instruct';
const images = resolve(import.meta.dirname, '../../docs/images');

const [kept] = process.argv.slice(2);
const home = kept === undefined ? await mkdtemp(join(tmpdir(), 'tunesmith-pictures-')) : resolve(kept);
await mkdir(join(home, 'models/base'), { recursive: true });
await cp(join(realModelHome(), 'models/base', base), join(home, 'models/base', base), { recursive: true });
try {
  await take();
} finally {
  if (kept === undefined) await rm(home, { recursive: true, force: true });
}

async function take(): Promise<void> {
  await using house = await openTestHouse({ home, modelAliases: { 'gpt-4o-mini': base } });
  const addresses = await addressesIn(house.openai);
  await using dashboard = await openDashboard(house);
  await rm(images, { recursive: true, force: true });
  await mkdir(images, { recursive: true });
  const views: Required<View>[] = [
    { size: 'desk', scheme: 'light' },
    { size: 'desk', scheme: 'dark' },
    { size: 'phone', scheme: 'light' },
  ];
  for (const [name, address] of Object.entries(addresses)) {
    for (const view of views) {
      const page = await dashboard.visit(address, view);
      if (name === 'playground') await askMails(page, house.openai);
      await page.waitForTimeout(1500);
      if (view.size === 'desk') await showWhole(page);
      const path = join(images, `${name}-${view.size}-${view.scheme}.png`);
      await page.screenshot({ path });
      await page.close();
      console.log(path);
    }
  }
}

/** A window as high as the page, since the menu is as high as the window. */
async function showWhole(page: Page): Promise<void> {
  const height = (await page.evaluate('document.documentElement.scrollHeight')) as number;
  await page.setViewportSize({ ...sizes.desk, height: Math.max(height, sizes.desk.height) });
  await page.waitForTimeout(500);
}

/** A mail that was held out, to whoever is chosen by the address. */
async function askMails(page: Page, openai: OpenAI): Promise<void> {
  const [file] = (await openai.files.list({ limit: 100 })).data.filter(
    ({ filename }) => filename === 'spam-test.jsonl',
  );
  const [line] = (await (await openai.files.content(file!.id)).text()).split('\n');
  const { messages } = JSON.parse(line!) as { messages: { content: string }[] };
  await page.getByLabel('System prompt').fill(messages[0]!.content);
  await page.getByLabel('You say').fill(messages.at(-2)!.content);
  await page.getByLabel('Longest answer').fill('24');
  await page.getByRole('button', { name: 'Ask' }).click();
  const ended = page.getByRole('article').getByText('Done', { exact: true });
  await ended.first().waitFor();
  await ended.nth(1).waitFor();
}

/** Makes what is not there yet; the addresses of the pages that show it. */
async function addressesIn(openai: OpenAI): Promise<Record<string, string>> {
  const files = (await openai.files.list({ limit: 100 })).data;
  const fileOf = (name: string): string | undefined => files.find(({ filename }) => filename === name)?.id;
  if (fileOf('spam-train.jsonl') === undefined) {
    await openai.post<SampleFiles>('/sample_files', { body: { name: 'spam' } });
    return await addressesIn(openai);
  }
  const training_file = fileOf('spam-train.jsonl')!;
  const validation_file = fileOf('spam-validation.jsonl')!;
  const test = fileOf('spam-test.jsonl')!;
  const broken = fileOf('spam-draft.jsonl') ?? (await uploadBroken(openai, test));
  const wanted = [
    { suffix: 'mail', n_epochs: 2, batch_size: 4 },
    { suffix: 'mail-slow', n_epochs: 1, batch_size: 4, learning_rate_multiplier: 0.3 },
  ];
  let jobs = (await openai.fineTuning.jobs.list()).data;
  for (const { suffix, ...hyperparameters } of wanted) {
    if (jobs.some((job) => (job as { user_provided_suffix?: string }).user_provided_suffix === suffix)) continue;
    console.log(`Training ${suffix}…`);
    const method = { type: 'supervised' as const, supervised: { hyperparameters } };
    const made = await openai.fineTuning.jobs.create({ model: base, training_file, validation_file, suffix, method });
    await until(async () => (await openai.fineTuning.jobs.retrieve(made.id)).status === 'succeeded');
  }
  jobs = (await openai.fineTuning.jobs.list()).data;
  const job = jobs.find(({ fine_tuned_model }) => fine_tuned_model?.includes(':mail:'))!;
  const model = job.fine_tuned_model!;
  const evaluation = (await openai.evals.list()).data[0] ?? (await judge(openai, test, [model, base]));
  const runs = (await openai.evals.runs.list(evaluation.id)).data;
  const run = runs.find((each) => JSON.stringify(each.data_source).includes(model))!;
  await checked(openai, training_file);
  await checked(openai, broken);
  return {
    home: '/',
    files: '/files',
    file: at('files', training_file),
    'file-with-errors': at('files', broken),
    jobs: '/jobs',
    'new-job': `/jobs/new?training_file=${training_file}&validation_file=${validation_file}`,
    job: at('jobs', job.id),
    models: '/models',
    model: at('models', model),
    playground: `/playground?models=${encodeURIComponent(JSON.stringify([model, base]))}`,
    evaluations: '/evaluations',
    'new-evaluation': '/evaluations/new',
    evaluation: at('evaluations', evaluation.id),
    run: at('evaluations', evaluation.id, 'runs', run.id),
    compare: '/evaluations/compare',
    sweeps: '/evaluations/sweeps',
    leaving: '/leaving',
    settings: '/settings',
  };
}

/** Forty real mails as somebody's editor may leave them. */
async function uploadBroken(openai: OpenAI, from: string): Promise<string> {
  const lines = (await (await openai.files.content(from)).text()).trim().split('\n').slice(0, 40);
  lines[3] = lines[3]!.slice(0, -12);
  lines[11] = lines[11]!.replace('"user"', '"human"');
  lines[17] = lines[17]!.replace(/"content": ?"(ham|spam)"/, '"content": ""');
  lines[30] = lines[12]!;
  const file = await toFile(Buffer.from(lines.join('\n')), 'spam-draft.jsonl');
  // As any other file, since one with errors is not let in for training.
  return (await openai.files.create({ file, purpose: 'fine-tune' })).id;
}

async function judge(openai: OpenAI, test: string, models: readonly string[]): Promise<OpenAI.EvalCreateResponse> {
  const lines = (await (await openai.files.content(test)).text()).trim().split('\n').slice(0, 100);
  const content = lines.map((line) => {
    const { messages } = JSON.parse(line) as { messages: { role: string; content: string }[] };
    return { item: { mail: messages.at(-2)!.content, task: messages[0]!.content, label: messages.at(-1)!.content } };
  });
  const text = { type: 'string' };
  const evaluation = await openai.evals.create({
    name: 'Spam or ham, 100 mails held out',
    data_source_config: {
      type: 'custom',
      item_schema: { type: 'object', properties: { mail: text, task: text, label: text } },
      include_sample_schema: true,
    },
    testing_criteria: [
      {
        type: 'string_check',
        name: 'the right label',
        input: '{{sample.output_text}}',
        operation: 'eq',
        reference: '{{item.label}}',
      },
    ],
  });
  for (const model of models) {
    console.log(`Judging ${model}…`);
    const run = await openai.evals.runs.create(evaluation.id, {
      name: model,
      data_source: {
        type: 'completions',
        model,
        source: { type: 'file_content', content },
        input_messages: {
          type: 'template',
          template: [
            { role: 'system', content: '{{item.task}}' },
            { role: 'user', content: '{{item.mail}}' },
          ],
        },
        sampling_params: { max_completion_tokens: 8, temperature: 0 },
      },
    });
    await until(
      async () => (await openai.evals.runs.retrieve(run.id, { eval_id: evaluation.id })).status === 'completed',
    );
  }
  return evaluation;
}

async function checked(openai: OpenAI, file: string): Promise<void> {
  const { id } = await openai.post<Task>('/tasks', { body: { type: 'file_check', file, model: base } });
  await until(async () => (await openai.get<Task>(`/tasks/${id}`)).status === 'succeeded');
}

async function until(is: () => Promise<boolean>): Promise<void> {
  while (!(await is())) await sleep(500);
}
