/** How much of the machine is used, and how much a key may ask for. */

import { Text } from '@mantine/core';
import type { ReactElement, ReactNode } from 'react';
import type { System } from '../../../../src/domain/system.ts';
import { Answered } from '../../parts/answered.tsx';
import { Facts } from '../../parts/facts.tsx';
import { bytes, count, counted } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { useSystem } from '../home/machine-panel.tsx';

export function Limits(): ReactElement {
  return (
    <Panel
      title="Limits"
      about="Set where the server is started, by environment variables; what a key may use is set with the key."
    >
      <Answered query={useSystem()}>{(system) => <Facts facts={factsOf(system)} />}</Answered>
    </Panel>
  );
}

function factsOf({ settings, limits, version, platform }: System): readonly (readonly [string, ReactNode])[] {
  const may = (value: number | null): string => (value === null ? 'as many as come' : count(value));
  return [
    ['Your requests a minute', may(limits.requests_per_minute)],
    ['Your tokens a minute', may(limits.tokens_per_minute)],
    ['Processor', by(counted(settings.threads, 'core'), 'TUNESMITH_THREADS')],
    ['Jobs that train at once', by(settings.training_jobs, 'TUNESMITH_TRAINING_JOBS')],
    ['Device for training', by(settings.device, 'TUNESMITH_DEVICE')],
    ['Memory for models that answer', by(bytes(settings.model_memory_bytes), 'TUNESMITH_MODEL_MEMORY_MB')],
    ['Requests to one model at once', by(count(settings.requests_per_model), 'TUNESMITH_REQUESTS_PER_MODEL')],
    ['Largest file', '512 MB at once, 8 GB in parts'],
    ['Organisation in model names', by(settings.organization, 'TUNESMITH_ORG')],
    ['Version', `Tunesmith ${version} on ${platform}`],
  ];
}

/** A value, and the setting that changes it. */
const by = (value: ReactNode, setting: string): ReactElement => (
  <>
    {value}{' '}
    <Text component="span" c="dimmed" className="mono" fz="xs">
      {setting}
    </Text>
  </>
);
