/** What leaves this machine. */

import { Group, Text } from '@mantine/core';
import { IconShieldCheck } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import type { Outbound as Place } from '../../../../src/domain/system.ts';
import { Answered } from '../../parts/answered.tsx';
import { Panel } from '../../parts/panel.tsx';
import { useSystem } from '../home/machine-panel.tsx';
import { NoRows, Row, Rows } from './rows.tsx';

const kinds: Readonly<Record<Place['kind'], string>> = {
  mlflow: 'MLflow',
  wandb: 'Weights & Biases',
  opentelemetry: 'OpenTelemetry',
  webhook: 'Webhook',
};

export function Outbound(): ReactElement {
  const system = useSystem();
  const isNothing = system.data?.outbound.length === 0;
  return (
    <Panel title="What leaves this machine" flush={!isNothing}>
      <Answered query={system}>
        {({ outbound }) =>
          outbound.length === 0 ? (
            <>
              <Group gap={8} c="var(--good)" wrap="nowrap">
                <IconShieldCheck size={20} stroke={1.6} aria-hidden />
                <Text fw={600}>Nothing</Text>
              </Group>
              <Text size="sm" c="dimmed" mt={4} maw={720}>
                Your data, your models and what is asked of them stay here. This page, too, comes from this server
                alone. Only what you ask for is fetched from elsewhere, such as a base model, and OpenAI is only talked
                to when you capture what you have there.
              </Text>
            </>
          ) : (
            <>
              <NoRows>Only what you have set up yourself. All else stays here.</NoRows>
              <Rows label="Places outside of this machine that are told something">
                {outbound.map(({ kind, to, what }) => (
                  <Row key={kind + to} name={`${kinds[kind]}: ${to}`} about={what} />
                ))}
              </Rows>
            </>
          )
        }
      </Answered>
    </Panel>
  );
}
