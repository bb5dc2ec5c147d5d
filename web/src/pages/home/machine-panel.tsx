/** How busy and how full the machine is, and what leaves it. */

import { Box, Group, Progress, SimpleGrid, Text } from '@mantine/core';
import { IconShieldCheck, IconWorldUpload } from '@tabler/icons-react';
import type { ReactElement, ReactNode } from 'react';
import type { DiskKind, System } from '../../../../src/domain/system.ts';
import { openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { bytes, counted, decimal, duration } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import classes from './home.module.css';
import { PageLink } from '../../parts/links.tsx';

export const useSystem = () => useLive(['system'], (signal) => openai.get<System>('/system', { signal }));

export const diskWords: Readonly<Record<DiskKind, string>> = {
  files: 'Files',
  base_models: 'Base models',
  fine_tuned_models: 'Fine-tuned models',
  jobs: 'Checkpoints and logs of jobs',
  tasks: 'Results of tasks',
  database: 'Database',
  other: 'Other',
};

export function MachinePanel(): ReactElement {
  return (
    <Panel title="This machine">
      <Answered query={useSystem()}>{(system) => <Machine system={system} />}</Answered>
    </Panel>
  );
}

function Machine({ system }: { readonly system: System }): ReactElement {
  const { processor, memory, disk } = system;
  const memoryUsed = memory.total_bytes - memory.available_bytes;
  const own = memory.server_bytes + memory.children_bytes;
  const diskUsed = disk.total_bytes - disk.free_bytes;
  const kept = disk.used?.reduce((sum, { bytes: size }) => sum + size, 0) ?? null;
  return (
    <>
      <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="xl" className="figures">
        <Meter
          name="Processor"
          share={processor.busy_cores / processor.cores}
          mayBeFull
          words={`${decimal(processor.busy_cores, 2)} of ${counted(processor.cores, 'core')} busy`}
        >
          Load {processor.load.toFixed(2)} over the last minute
        </Meter>
        <Meter
          name="Memory"
          share={memoryUsed / memory.total_bytes}
          words={`${bytes(memoryUsed)} of ${bytes(memory.total_bytes)} in use`}
        >
          Tunesmith has {bytes(own)}, its models and jobs included
        </Meter>
        <Meter
          name="Disk"
          share={diskUsed / disk.total_bytes}
          words={`${bytes(disk.free_bytes)} of ${bytes(disk.total_bytes)} free`}
        >
          {kept === null ? 'Counting what is kept…' : `Tunesmith keeps ${bytes(kept)}`}
        </Meter>
      </SimpleGrid>
      <Outbound system={system} />
    </>
  );
}

interface MeterProps {
  readonly name: string;
  readonly share: number;
  readonly words: string;
  /** Where being full is no trouble, as a processor at work is. */
  readonly mayBeFull?: boolean;
  readonly children: ReactNode;
}

/** From nine tenths on it is close. */
const closeFrom = 0.9;

export function Meter({ name, share, words, mayBeFull = false, children }: MeterProps): ReactElement {
  return (
    <Box className={classes['meter']}>
      <Group justify="space-between" gap="xs" mb={6}>
        <Text size="sm" fw={500}>
          {name}
        </Text>
        <Text size="sm" c="dimmed">
          {words}
        </Text>
      </Group>
      <Progress.Root size="md">
        <Progress.Section
          value={Math.min(100, share * 100)}
          color={share >= closeFrom && !mayBeFull ? 'orange.7' : undefined}
          aria-label={`${name}: ${words}`}
        />
      </Progress.Root>
      <Text size="xs" c="dimmed" mt={6}>
        {children}
      </Text>
    </Box>
  );
}

function Outbound({
  system: { outbound, version, uptime_seconds: uptime },
}: {
  readonly system: System;
}): ReactElement {
  const Icon = outbound.length === 0 ? IconShieldCheck : IconWorldUpload;
  return (
    <Group mt="lg" gap="xs" justify="space-between">
      <Group gap={8} wrap="nowrap" align="flex-start" c={outbound.length === 0 ? 'var(--good)' : undefined}>
        <Icon size={18} stroke={1.6} aria-hidden style={{ flex: 'none', marginTop: 2 }} />
        <Text size="sm">
          {outbound.length === 0 ? (
            'Nothing leaves this machine.'
          ) : (
            <>
              {counted(outbound.length, 'place')} outside of this machine {outbound.length === 1 ? 'is' : 'are'} told of
              what happens here.{' '}
              <PageLink to="/settings" underline="always">
                See which
              </PageLink>
            </>
          )}
        </Text>
      </Group>
      <Text size="xs" c="dimmed" className="figures">
        Tunesmith {version}, up for {duration(uptime)}
      </Text>
    </Group>
  );
}
