/** What training on the file takes here, and what it cost at OpenAI, for as many epochs as one likes. */

import { Button, NumberInput, Text } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import type { FileCheck } from '../../../../src/domain/file-check.ts';
import { count, dollars, duration } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { isOver } from '../../parts/task-progress.tsx';
import { Facts } from '../../parts/facts.tsx';
import type { CheckTask, CheckWishes } from './check.ts';

interface CostProps {
  readonly check: FileCheck;
  readonly task: CheckTask | null;
  readonly wishes: CheckWishes;
  readonly again: (wishes: CheckWishes) => void;
}

export function Cost({ check, task, wishes, again }: CostProps): ReactElement | null {
  const { price, here } = check;
  const [epochs, setEpochs] = useState<number>(price?.epochs ?? 1);
  if (price === null) return null;
  const times = epochs / price.epochs;
  const canMeasure = here !== null && here.seconds === null && check.format === 'chat' && wishes.measure !== true;
  return (
    <Panel
      title="What training takes"
      about="An epoch is once through all examples. More teach more, and too many teach by heart."
      actions={
        <NumberInput
          label="Epochs"
          size="xs"
          w={80}
          min={1}
          max={50}
          allowDecimal={false}
          value={epochs}
          onChange={(value) => setEpochs(Math.min(50, Math.max(1, Number(value) || 1)))}
        />
      }
    >
      <Facts
        facts={[
          ...(here === null
            ? []
            : ([
                ['On this machine', time(here, times)],
                ['Tokens to learn from', `${count(here.trained_tokens * times)} with ${here.base}`],
              ] as const)),
          ...price.models.map(
            ({ model, usd }) => [`At OpenAI, ${model.replace(/-\d{4}-\d{2}-\d{2}$/, '')}`, cents(usd * times)] as const,
          ),
          price.usd_per_hour === null
            ? null
            : ['At OpenAI, o4-mini', `${dollars(price.usd_per_hour)} for every hour of training`],
        ]}
      />
      {canMeasure && (
        <Button
          mt="sm"
          size="xs"
          variant="default"
          disabled={task !== null && !isOver(task)}
          onClick={() => again({ ...wishes, measure: true })}
        >
          Measure how fast this machine is
        </Button>
      )}
      {here === null && (
        <Text size="sm" c="dimmed">
          With a base model on this machine it can be said how long training takes here. Models has some to fetch.
        </Text>
      )}
      <Text size="xs" c="dimmed" mt="sm">
        {price.source}
      </Text>
    </Panel>
  );
}

function time({ seconds, reason }: NonNullable<FileCheck['here']>, times: number): string {
  return seconds === null ? (reason ?? 'Not known') : `about ${duration(seconds * times)}, and nothing to pay`;
}

const cents = (usd: number): string => (usd > 0 && usd < 0.01 ? 'less than a cent' : dollars(usd));
