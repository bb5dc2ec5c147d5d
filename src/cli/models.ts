/**
 * `tunesmith models …`: base models of this machine, and the fine-tuned models of a server.
 *
 * Base models belong to the operator and lie in the data folder, so they are handled there, with no server;
 * fine-tuned models (`ft:…`) and everything behind `--base-url` go through the API.
 */

import type { Command } from 'commander';
import type OpenAI from 'openai';
import { BaseModels, type BaseModel } from '../models/base-models.ts';
import { catalogue, findInCatalogue } from '../models/catalogue.ts';
import { describeSource } from '../models/pull.ts';
import type { Act, Context } from './context.ts';
import { pullView } from './pull-view.ts';
import { formatBytes, formatTime, record, table, type Cell } from './terminal.ts';

const pullExamples = `
Examples:
  $ tunesmith models pull smollm2-135m-instruct
  $ tunesmith models pull smollm2-135m-instruct --from ~/Downloads/model.gguf
  $ tunesmith models pull ./my-model.gguf --id my-model
  $ tunesmith models pull ./folder-with-config.json-and-safetensors
  $ tunesmith models pull owner/repository/file.gguf
  $ tunesmith models pull owner/repository                    a safetensors checkpoint, imported here`;

export function modelsCommand(program: Command, act: Act): void {
  const models = program.command('models').description('base models of this machine, and fine-tuned ones');

  models
    .command('pull <model>')
    .description(
      'fetch a base model: a name from the catalogue, a GGUF or a safetensors checkpoint, here or on the Hugging Face hub',
    )
    .option('--from <path>', 'take it from this file or folder first')
    .option('--id <id>', 'the name it gets here')
    .addHelpText('after', pullExamples)
    .action(
      act(async (context, { from, id }: { from?: string; id?: string }, name = '') => {
        context.refuseBaseUrl('Base models are pulled on the machine that runs them');
        const bases = await BaseModels.open(context.home);
        const options = { signal: context.signal, onProgress: pullView(context.terminal), from, id };
        const model = await bases.pull(name, options);
        context.terminal.result(model, () => baseRecord(model));
      }),
    );

  models.command('list').description('models that answer here, and those the catalogue recommends').action(act(list));

  models
    .command('show <model>')
    .description('one model')
    .action(
      act(async (context, _, name = '') => {
        const base = await findBase(context, name);
        if (base !== undefined) return context.terminal.result(base, () => baseRecord(base));
        const entry = findInCatalogue(name);
        if (entry !== undefined && context.namedServer === null) {
          const { sources, ...rest } = entry;
          return context.terminal.result(entry, () =>
            record({
              ...rest,
              sizeBytes: formatBytes(entry.sizeBytes),
              sources: sources.map(describeSource).join(', '),
              here: `no; fetch it with: tunesmith models pull ${name}`,
            }),
          );
        }
        await using connection = await context.connect();
        const model = await connection.openai.models.retrieve(name, { signal: context.signal });
        context.terminal.result(model, () =>
          record({ id: model.id, owner: model.owned_by, created: formatTime(model.created) }),
        );
      }),
    );

  models
    .command('remove <model>')
    .description('delete a base model from this machine, or a fine-tuned model from its server')
    .action(
      act(async (context, _, name = '') => {
        if (context.namedServer === null && !name.startsWith('ft:')) {
          await (await BaseModels.open(context.home)).remove(name);
          return context.terminal.result({ id: name, object: 'model', deleted: true }, () => `${name} is removed.`);
        }
        await using connection = await context.connect();
        const deleted = await connection.openai.models.delete(name, { signal: context.signal });
        context.terminal.result(deleted, () => `${deleted.id} is deleted.`);
      }),
    );
}

async function list(context: Context): Promise<void> {
  await using connection = await context.connect();
  const answering: OpenAI.Models.Model[] = [];
  for await (const model of connection.openai.models.list({ signal: context.signal })) answering.push(model);
  if (context.namedServer !== null) {
    const rows = answering.map((model) => [model.id, model.owned_by, formatTime(model.created)]);
    return context.terminal.result(answering, () => table(['MODEL', 'OWNER', 'CREATED'], rows));
  }
  const bases = await BaseModels.open(context.home);
  const here = new Map(bases.list().map((base) => [base.id, base]));
  const available = catalogue.filter(({ id }) => !here.has(id));
  for (const { message } of bases.broken()) context.terminal.note(`Damaged: ${message}`);
  context.terminal.result({ models: answering, available }, () =>
    table(
      ['MODEL', 'STATE', 'SIZE', 'CONTEXT', 'LICENCE'],
      [
        ...answering.map((model) => localRow(model, here.get(model.id))),
        ...available.map((entry): Cell[] => [
          entry.id,
          'to pull',
          formatBytes(entry.sizeBytes),
          String(entry.contextTokens),
          entry.licence,
        ]),
      ],
    ),
  );
}

function localRow(model: OpenAI.Models.Model, base: BaseModel | undefined): Cell[] {
  if (base !== undefined)
    return [base.id, 'here', formatBytes(base.sizeBytes), String(base.contextTokens), base.licence];
  return [model.id, model.owned_by === 'system' ? 'alias' : 'fine-tuned', null, null, null];
}

async function findBase(context: Context, name: string): Promise<BaseModel | undefined> {
  if (context.namedServer !== null) return undefined;
  return (await BaseModels.open(context.home)).find(name);
}

function baseRecord(base: BaseModel): string {
  return record({
    id: base.id,
    name: base.name,
    family: base.family,
    parameters: `${(base.parameters / 1e6).toFixed(0)} million`,
    context: `${base.contextTokens} tokens`,
    size: formatBytes(base.sizeBytes),
    licence: base.licence,
    source: base.source,
    sha256: base.sha256,
    path: base.path,
    pulled: formatTime(base.createdAt),
  });
}
