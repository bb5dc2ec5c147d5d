/**
 * `tunesmith keys …` and `tunesmith projects`: who may use the API, and as which project.
 *
 * Keys are the operator's business: whoever can write the data folder may make them here, and whoever has an admin
 * key by the API. These commands work on the folder's database, also beside a server that has it, which looks there
 * at every request.
 */

import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import type { Command } from 'commander';
import { Keyring } from '../access/keyring.ts';
import { Projects } from '../access/projects.ts';
import { Closing } from '../closing.ts';
import type { AdminKey, ApiKey } from '../domain/api-key.ts';
import { defaultProject } from '../domain/project.ts';
import { TunesmithError } from '../domain/errors.ts';
import { openDatabase } from '../store/database.ts';
import { lockFolder } from '../store/folder-lock.ts';
import type { Act, Context } from './context.ts';
import { UsageError } from './outcome.ts';
import { formatTime, table } from './terminal.ts';

interface CreateOptions {
  readonly project: string;
  readonly name?: string;
  readonly admin?: true;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
}

export function keysCommand(program: Command, act: Act): void {
  const keys = program.command('keys').description('make, list and revoke the keys that open the API');

  keys
    .command('create')
    .description('make a key and show it, once; from the first one on every request needs one')
    .option('--project <name>', 'whose files, jobs and models it opens; made if there is none', defaultProject)
    .option('--name <text>', 'what to call the key')
    .option('--admin', 'may also manage keys, projects and aliases by the API and the dashboard; has no limits')
    .option('--requests-per-minute <count>', 'requests for answers it may make', atLeastOne)
    .option('--tokens-per-minute <count>', 'tokens its answers may cost, prompts included', atLeastOne)
    .addHelpText(
      'after',
      '\nExamples:\n  $ tunesmith keys create\n  $ tunesmith keys create --admin --name me\n  $ tunesmith keys create --project research --name ci --requests-per-minute 60',
    )
    .action(
      act<CreateOptions>(async (context, options) => {
        const { project, name = options.admin === true ? 'admin' : project, admin = false } = options;
        const { requestsPerMinute = null, tokensPerMinute = null } = options;
        if (admin && (requestsPerMinute ?? tokensPerMinute) !== null)
          throw new UsageError('An admin key has no limits: leave --requests-per-minute and --tokens-per-minute out.');
        await using opened = await openKeyring(context);
        const first = !(await opened.keyring.look()).locked;
        const made = admin
          ? await opened.keyring.createAdmin({ project, name, expiresInSeconds: null })
          : await opened.keyring.create({ project, name, requestsPerMinute, tokensPerMinute });
        context.terminal.result(made, () => made.value);
        context.terminal.note(`Key ${made.id} opens the project ${made.project_id}. Keep it: it is not shown again.`);
        if (first)
          context.terminal.note(`It is the first of ${context.home}: from now on requests without a key are refused.`);
      }),
    );

  keys
    .command('list')
    .description('keys that open something, newest first')
    .option('--project <name>', 'only those of this project')
    .action(
      act<{ project?: string }>(async (context, { project }) => {
        await using opened = await openKeyring(context);
        const keys = await opened.keyring.list(project ?? null);
        const admins = (await opened.keyring.listAdmin()).filter(
          (key) => (project ?? key.project_id) === key.project_id,
        );
        const found = [...keys, ...admins];
        context.terminal.result(found, () => keysTable(found));
      }),
    );

  keys
    .command('revoke <id>')
    .description('make a key useless, at once')
    .addHelpText('after', '\nExample:\n  $ tunesmith keys revoke key_abc123')
    .action(
      act(async (context, _, id = '') => {
        await using opened = await openKeyring(context);
        const revoked = await opened.keyring.revoke(id);
        context.terminal.result(revoked, () => `${revoked.id} (${revoked.name}) opens nothing any more.`);
        if ((await opened.keyring.list()).length + (await opened.keyring.listAdmin()).length === 0)
          context.terminal.note('No key is left, and one is still needed: make another with "tunesmith keys create".');
      }),
    );

  program
    .command('projects')
    .description('the projects there are, each with files, jobs and models of its own')
    .action(
      act(async (context) => {
        await using opened = await openKeyring(context);
        const projects = await opened.projects.list();
        const rows = projects.map(({ id, created_at, status }) => [id, formatTime(created_at), status]);
        context.terminal.result(projects, () => table(['PROJECT', 'CREATED', 'STATUS'], rows));
      }),
    );
}

/** The keys of the data folder: under its lock when it is free, beside its server when it is not. */
async function openKeyring(
  context: Context,
): Promise<AsyncDisposable & { readonly keyring: Keyring; readonly projects: Projects }> {
  await using opening = new Closing();
  context.refuseBaseUrl('Keys are made in the data folder of this machine');
  const { home } = context;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(home).catch((error: unknown) => {
    if (error instanceof TunesmithError && error.code === 'data_folder_in_use') return null;
    throw error;
  });
  if (lock !== null) opening.use(lock);
  const database = opening.use(await openDatabase(join(home, 'tunesmith.db'), { migrating: lock !== null }));
  const open = opening.move();
  return {
    keyring: new Keyring(database),
    projects: new Projects(database),
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
}

function keysTable(keys: readonly (ApiKey | AdminKey)[]): string {
  const limitsOf = (key: ApiKey | AdminKey): string[] =>
    key.object === 'organization.admin_api_key'
      ? ['admin', 'any', 'any']
      : ['', String(key.requests_per_minute ?? 'any'), String(key.tokens_per_minute ?? 'any')];
  return table(
    ['ID', 'NAME', 'PROJECT', 'KEY', 'MAY', 'REQUESTS/MIN', 'TOKENS/MIN', 'CREATED'],
    keys.map((key) => [
      key.id,
      key.name,
      key.project_id,
      key.redacted_value,
      ...limitsOf(key),
      formatTime(key.created_at),
    ]),
  );
}

function atLeastOne(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text))
    throw new UsageError(`"${text}" was given where a whole number above 0 was expected.`);
  return Number(text);
}
