/**
 * `tunesmith webhooks …`: endpoints that are told when jobs and batches end.
 *
 * The one API here that is Tunesmith's own; the SDK is only asked to carry it.
 */

import type { Command } from 'commander';
import { webhookEvents, type Webhook, type WebhookDelivery } from '../domain/webhook.ts';
import type { Act } from './context.ts';
import { UsageError } from './outcome.ts';
import { formatTime, table } from './terminal.ts';

interface CreateOptions {
  readonly event?: readonly string[];
}

interface List<Item> {
  readonly data: readonly Item[];
}

const createExamples = `
Events:
${webhookEvents.map((event) => `  ${event}`).join('\n')}

Addresses inside this machine's network are refused unless TUNESMITH_WEBHOOK_HOSTS names them on the server.

Examples:
  $ tunesmith webhooks create https://example.org/hook
  $ tunesmith webhooks create https://example.org/hook --event batch.completed batch.failed`;

const secretNote = `Keep the secret, it is not shown again. Verify with it: client.webhooks.unwrap(body, headers, secret).`;

export function webhooksCommand(program: Command, act: Act): void {
  const webhooks = program.command('webhooks').description('be told when jobs and batches end');

  webhooks
    .command('create <url>')
    .description('tell this address; prints the secret that its signatures are made with')
    .option('--event <types...>', 'only of these events (default: all)')
    .addHelpText('after', createExamples)
    .action(
      act<CreateOptions>(async (context, { event = webhookEvents }, url = '') => {
        await using connection = await context.connect();
        const body = { url, events: event };
        const made: Webhook & { secret: string } = await connection.openai.post('/webhooks', { body });
        context.terminal.result(made, () => `${made.id}\n${made.secret}`);
        context.terminal.note(secretNote);
      }),
    );

  webhooks
    .command('list')
    .description('webhooks, newest first')
    .action(
      act(async (context) => {
        await using connection = await context.connect();
        const { data }: List<Webhook> = await connection.openai.get('/webhooks', { query: { limit: 100 } });
        context.terminal.result(data, () => webhooksTable(data));
      }),
    );

  webhooks
    .command('deliveries <id>')
    .description('what was sent to one lately, and how it went')
    .action(
      act(async (context, _, id = '') => {
        await using connection = await context.connect();
        const { data }: List<WebhookDelivery> = await connection.openai.get(`/webhooks/${id}/deliveries`);
        context.terminal.result(data, () => deliveriesTable(data));
      }),
    );

  webhooks
    .command('test <id>')
    .description('send it an event about nothing, now')
    .action(
      act(async (context, _, id = '') => {
        await using connection = await context.connect();
        const tested: { delivered: boolean; error: string | null } = await connection.openai.post(
          `/webhooks/${id}/test`,
        );
        if (!tested.delivered) throw new Error(`${id} did not take it. ${tested.error}`);
        context.terminal.result(tested, () => `${id} took the event.`);
      }),
    );

  webhooks
    .command('delete <id>')
    .description('tell it nothing any more')
    .action(
      act(async (context, _, id = '') => {
        if (id === '') throw new UsageError('The id of a webhook was expected.');
        await using connection = await context.connect();
        const deleted = await connection.openai.delete(`/webhooks/${id}`);
        context.terminal.result(deleted, () => `${id} is deleted.`);
      }),
    );
}

function webhooksTable(webhooks: readonly Webhook[]): string {
  return table(
    ['ID', 'ADDRESS', 'EVENTS', 'CREATED'],
    webhooks.map(({ id, url, events, created_at }) => [
      id,
      url,
      events.length === webhookEvents.length ? 'all' : events.join(', '),
      formatTime(created_at),
    ]),
  );
}

function deliveriesTable(deliveries: readonly WebhookDelivery[]): string {
  return table(
    ['ID', 'EVENT', 'STATUS', 'ATTEMPTS', 'CREATED', 'PROBLEM'],
    deliveries.map(({ id, type, status, attempts, created_at, last_error }) => [
      id,
      type,
      status.replace('_', ' '),
      attempts,
      formatTime(created_at),
      last_error,
    ]),
  );
}
