/**
 * A house that somebody has used, made through the API: files good and broken, a job that trained for real and one that
 * failed, an eval with a run, a batch of tasks, a webhook. Texts from outside are hostile where the API takes them.
 */

import { toFile } from 'openai';
import { Closing } from '../../src/closing.ts';
import { chatLine, examples, tinyHome, waitFor } from '../jobs/tiny-house.ts';
import { openTestHouse, type TestHouse } from '../house.ts';

export interface LivedIn extends AsyncDisposable {
  readonly house: TestHouse;
  /** Every address of the dashboard that shows something here, by what it shows. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly ids: Readonly<Record<'file' | 'broken' | 'job' | 'failed' | 'model' | 'eval' | 'run', string>>;
}

export const hostile = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

/** Where the dashboard shows something, whatever its id is made of. */
export const at = (...segments: string[]): string => `/${segments.map(encodeURIComponent).join('/')}`;

export async function openLivedIn(): Promise<LivedIn> {
  await using opening = new Closing();
  const { home } = opening.use(await tinyHome());
  const house = opening.use(await openTestHouse({ home, modelAliases: { 'gpt-4o-mini': 'tiny' } }));
  const { openai } = house;
  const send = async (lines: readonly string[], name: string): Promise<string> =>
    (await openai.files.create({ file: await toFile(Buffer.from(lines.join('\n')), name), purpose: 'fine-tune' })).id;

  const file = await send(examples(), 'train.jsonl');
  const validation_file = await send(examples('Why').slice(0, 4), `why ${hostile}.jsonl`);
  const broken = await send([...examples().slice(0, 10), '{"messages": [', chatLine('Who?', '')], 'broken.jsonl');
  const made = await openai.fineTuning.jobs.create({
    model: 'gpt-4o-mini',
    training_file: file,
    validation_file,
    suffix: 'words',
    method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 3 } } },
    metadata: { note: hostile },
  });
  const { job } = await waitFor(openai, made.id);
  const bad = await openai.fineTuning.jobs.create({ model: 'gpt-4o-mini', training_file: broken });
  await waitFor(openai, bad.id, ({ status }) => status === 'failed');

  const items = examples()
    .slice(0, 6)
    .map((line, i) => {
      const [question, answer] = (JSON.parse(line) as { messages: { content: string }[] }).messages;
      return {
        item: { question: i === 0 ? `${hostile} ${question!.content}` : question!.content, answer: answer!.content },
      };
    });
  const evaluation = await openai.evals.create({
    name: `Words ${hostile}`,
    data_source_config: {
      type: 'custom',
      item_schema: { type: 'object', properties: { question: { type: 'string' }, answer: { type: 'string' } } },
      include_sample_schema: true,
    },
    testing_criteria: [
      {
        type: 'string_check',
        name: 'the same word',
        input: '{{sample.output_text}}',
        operation: 'eq',
        reference: '{{item.answer}}',
      },
    ],
  });
  let run = await openai.evals.runs.create(evaluation.id, {
    name: `Fine-tuned ${hostile}`,
    data_source: {
      type: 'completions',
      model: job.fine_tuned_model!,
      source: { type: 'file_content', content: items },
      input_messages: { type: 'template', template: [{ role: 'user', content: '{{item.question}}' }] },
      sampling_params: { max_completion_tokens: 8, temperature: 0 },
    },
  });
  while (!['completed', 'failed', 'canceled'].includes(run.status)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    run = await openai.evals.runs.retrieve(run.id, { eval_id: evaluation.id });
  }
  await openai.post('/webhooks', { body: { url: 'https://example.com/hook', events: ['fine_tuning.job.succeeded'] } });

  const model = job.fine_tuned_model!;
  const ids = { file, broken, job: made.id, failed: bad.id, model, eval: evaluation.id, run: run.id };
  const addresses = {
    home: '/',
    files: '/files',
    file: at('files', file),
    'broken-file': at('files', broken),
    jobs: '/jobs',
    'new-job': '/jobs/new',
    job: at('jobs', made.id),
    'failed-job': at('jobs', bad.id),
    models: '/models',
    'base-model': at('models', 'tiny'),
    model: at('models', model),
    playground: '/playground',
    evaluations: '/evaluations',
    'new-evaluation': '/evaluations/new',
    evaluation: at('evaluations', evaluation.id),
    run: at('evaluations', evaluation.id, 'runs', run.id),
    compare: '/evaluations/compare',
    sweeps: '/evaluations/sweeps',
    leaving: '/leaving',
    settings: '/settings',
  };
  const open = opening.move();
  return { house, addresses, ids, [Symbol.asyncDispose]: () => open[Symbol.asyncDispose]() };
}
