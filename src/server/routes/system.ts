/** `/v1/system`: the machine and the server on it. Tunesmith's own. */

import type { FastifyInstance } from 'fastify';
import { platform, release } from 'node:os';
import type { System, WorkCount } from '../../domain/system.ts';
import type { House } from '../../house.ts';
import { version } from '../../version.ts';
import { accessOf } from '../access.ts';
import { outboundOf } from '../outbound.ts';

export function systemRoutes(app: FastifyInstance, house: House): void {
  const { settings, machine } = house;
  const startedAt = Math.floor(Date.now() / 1000 - process.uptime());

  app.get('/system', async (request): Promise<System> => {
    const { operator = false, project, limits } = accessOf(request);
    const { processor, memory, disk } = await machine.look();
    return {
      object: 'system',
      version,
      started_at: startedAt,
      uptime_seconds: Math.floor(process.uptime()),
      platform: `${platform()} ${release()}, Node ${process.versions.node}`,
      processor,
      memory,
      disk: operator ? disk : { ...disk, folder: null },
      settings: {
        threads: settings.threads,
        device: settings.device,
        training_jobs: settings.trainingJobs,
        model_memory_bytes: settings.modelMemoryMb * 2 ** 20,
        requests_per_model: settings.requestsPerModel,
        organization: settings.organization,
      },
      work: await workOf(house),
      outbound: await outboundOf(house, operator ? null : project),
      limits: {
        requests_per_minute: limits?.requestsPerMinute ?? null,
        tokens_per_minute: limits?.tokensPerMinute ?? null,
      },
    };
  });
}

/** Statuses of work that is being done, and of work that waits to be. */
const running = new Set(['running', 'in_progress', 'finalizing', 'cancelling']);
const queued = new Set(['validating_files', 'validating', 'queued']);

async function workOf({ database }: House): Promise<System['work']> {
  const count = async (table: 'jobs' | 'eval_runs' | 'batches' | 'tasks'): Promise<WorkCount> => {
    const rows = await database
      .selectFrom(table)
      .select((row) => ['status', row.fn.countAll<number>().as('count')])
      .where('status', 'in', [...running, ...queued])
      .groupBy('status')
      .execute();
    const sum = (statuses: ReadonlySet<string>): number =>
      rows.reduce((total, { status, count }) => total + (statuses.has(status) ? count : 0), 0);
    return { running: sum(running), queued: sum(queued) };
  };
  return {
    jobs: await count('jobs'),
    eval_runs: await count('eval_runs'),
    batches: await count('batches'),
    tasks: await count('tasks'),
  };
}
