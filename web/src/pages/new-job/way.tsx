/** How a job teaches: from answers or from preferences, and which of the model's weights learn. */

import { NumberInput, Radio, Stack, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import { Panel } from '../../parts/panel.tsx';
import { trainModes } from '../../parts/training/hyper-parameters.ts';
import type { Wrong } from './data-choice.tsx';
import type { Draft } from './draft.ts';

interface WayProps {
  readonly draft: Draft;
  readonly onChange: (part: Partial<Draft>) => void;
  readonly wrong: Wrong | null;
}

const methods = [
  {
    value: 'supervised',
    label: 'Learn to answer as the examples do',
    explain: 'Each example is a conversation with the answer that you want. The usual way.',
  },
  {
    value: 'dpo',
    label: 'Learn which of two answers is better',
    explain: 'Each example has a preferred and a rejected answer. For taste and tone, often after the usual way.',
  },
] as const;

export function Way({ draft, onChange, wrong }: WayProps): ReactElement {
  return (
    <Panel title="Way of training">
      <Radio.Group label="Method" value={draft.method} onChange={(method) => onChange({ method })} mb="lg">
        <Stack gap="xs" mt={6}>
          {methods.map(({ value, label, explain }) => (
            <Radio key={value} value={value} label={label} description={explain} />
          ))}
        </Stack>
      </Radio.Group>
      <Radio.Group
        label="What learns"
        value={draft.train}
        onChange={(train) => onChange({ train })}
        error={wrong?.field === 'train' ? wrong.message : null}
      >
        <Stack gap="xs" mt={6}>
          {trainModes.map(({ value, label, explain }) => (
            <Radio key={value} value={value} label={label} description={explain} />
          ))}
        </Stack>
      </Radio.Group>
      {draft.train === 'last_layers' && (
        <NumberInput
          label="How many of the last blocks"
          value={draft.layers}
          onChange={(layers) => typeof layers === 'number' && onChange({ layers })}
          min={1}
          max={999}
          allowDecimal={false}
          clampBehavior="strict"
          mt="sm"
          maw={240}
        />
      )}
      <Text size="xs" c="dimmed" mt="md">
        Not sure? Leave both as they are.
      </Text>
    </Panel>
  );
}
