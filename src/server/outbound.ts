/** What this server sends to other machines: only what its operator, or a project's webhooks, have asked for. */

import type { Outbound } from '../domain/system.ts';
import type { House } from '../house.ts';

/** Of all projects' webhooks for the operator, else of the asker's own. */
export async function outboundOf({ settings, database }: House, project: string | null): Promise<Outbound[]> {
  const { mlflowUrl, wandbKey, wandbMode, wandbUrl, otlpEndpoint } = settings;
  const found: Outbound[] = [];
  if (mlflowUrl !== null)
    found.push({ kind: 'mlflow', to: originOf(mlflowUrl), what: "Every job's settings and curves, while it trains." });
  if (wandbKey !== null && wandbMode === 'online')
    found.push({
      kind: 'wandb',
      to: originOf(wandbUrl),
      what: 'The settings and curves of those jobs that ask for the wandb integration.',
    });
  if (otlpEndpoint !== null)
    found.push({
      kind: 'opentelemetry',
      to: originOf(otlpEndpoint),
      what: 'Of every request its address, status, duration and token counts; never what was said.',
    });
  let webhooks = database.selectFrom('webhooks').select('url').distinct();
  if (project !== null) webhooks = webhooks.where('project', '=', project);
  for (const to of new Set((await webhooks.execute()).map(({ url }) => originOf(url))))
    found.push({
      kind: 'webhook',
      to,
      what: 'The id of a job, batch, run or response when it ends; nothing of what is in it.',
    });
  return found;
}

const originOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : 'an address that is none');
