/**
 * The hyper-parameters, each with what it does. An empty field is chosen by the server, and says what it would choose.
 */

import { Accordion, Button, Group, NumberInput, Select, SimpleGrid, Switch, Text, TextInput } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import type { JobEstimate } from '../../../../src/domain/estimate.ts';
import { decimal } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { groups, type HyperParameter, hyperParameters, shownValue } from '../../parts/training/hyper-parameters.ts';
import type { Wrong } from './data-choice.tsx';
import { type Draft, isLora, type Value } from './draft.ts';

interface SettingsFormProps {
  readonly draft: Draft;
  readonly onChange: (part: Partial<Draft>) => void;
  readonly estimate: JobEstimate | undefined;
  readonly wrong: Wrong | null;
}

export function SettingsForm({ draft, onChange, estimate, wrong }: SettingsFormProps): ReactElement {
  const [open, setOpen] = useState<string[]>(['usual']);
  const resolved = (estimate?.hyperparameters ?? {}) as Readonly<Record<string, unknown>>;
  const isEncoder = resolved['task'] !== undefined;
  const fitting = hyperParameters.filter(
    ({ only }) =>
      only === undefined ||
      only === draft.method ||
      (only === 'encoder' && isEncoder) ||
      (only === 'lora' && isLora(draft.train) && resolved['train'] !== 'full'),
  );
  const names = Object.keys(groups).filter((group) => fitting.some((each) => each.group === group));
  const count = Object.keys(draft.values).length;

  function set(name: string, value: Value | null): void {
    const { [name]: _, ...rest } = draft.values;
    onChange({ values: value === null ? rest : { ...rest, [name]: value } });
  }

  // A complaint must be seen where it can be mended.
  const complained = fitting.find(({ name }) => name === wrong?.field)?.group;
  const shown = complained === undefined ? open : [...new Set([...open, complained])];
  return (
    <Panel
      title="Hyper-parameters"
      about="Empty fields are chosen for your examples; what would be chosen stands in them."
      actions={
        <Button variant="default" size="compact-sm" disabled={count === 0} onClick={() => onChange({ values: {} })}>
          Choose all for me
        </Button>
      }
    >
      <Accordion multiple value={shown} onChange={setOpen} chevronPosition="left" variant="default">
        {names.map((group) => (
          <Accordion.Item key={group} value={group}>
            <Accordion.Control>
              <Text size="sm" fw={600}>
                {groups[group as HyperParameter['group']]}
              </Text>
            </Accordion.Control>
            <Accordion.Panel>
              <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="lg" verticalSpacing="lg">
                {fitting
                  .filter((each) => each.group === group)
                  .map((each) => (
                    <Field
                      key={each.name}
                      parameter={each}
                      value={draft.values[each.name]}
                      chosen={resolved[each.name]}
                      onChange={(value) => set(each.name, value)}
                      error={wrong?.field === each.name ? wrong.message : null}
                    />
                  ))}
              </SimpleGrid>
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
      <Group mt="lg" align="flex-start" gap="lg">
        <TextInput
          label="Name"
          description="Becomes part of the model’s name. Letters, digits, dots, dashes."
          placeholder="my-experiment"
          value={draft.suffix}
          onChange={({ currentTarget }) =>
            onChange({ suffix: currentTarget.value.replaceAll(/[^A-Za-z0-9._-]/g, '-') })
          }
          maxLength={64}
          error={wrong?.field === 'suffix' ? wrong.message : null}
          style={{ flex: '1 1 14rem' }}
        />
        <NumberInput
          label="Seed"
          description="The same seed gives the same training."
          placeholder="random"
          value={draft.seed ?? ''}
          onChange={(seed) => onChange({ seed: typeof seed === 'number' ? seed : null })}
          min={0}
          max={2_147_483_647}
          allowDecimal={false}
          hideControls
          style={{ flex: '1 1 10rem' }}
        />
      </Group>
    </Panel>
  );
}

interface FieldProps {
  readonly parameter: HyperParameter;
  readonly value: Value | undefined;
  /** What the server would take. */
  readonly chosen: unknown;
  readonly onChange: (value: Value | null) => void;
  readonly error: string | null;
}

function Field({ parameter, value, chosen, onChange, error }: FieldProps): ReactElement {
  const { label, explain, kind, min, max, step, choices } = parameter;
  const hint =
    chosen === undefined ? 'auto' : `auto: ${typeof chosen === 'number' ? decimal(chosen, 6) : shownValue(chosen)}`;
  if (kind === 'switch')
    return (
      <Switch
        label={label}
        description={explain}
        checked={value !== undefined && value !== false}
        onChange={({ currentTarget }) => onChange(currentTarget.checked ? true : null)}
        error={error}
      />
    );
  if (kind === 'choice')
    return (
      <Select
        label={label}
        description={explain}
        placeholder={hint}
        data={[...(choices ?? [])]}
        value={typeof value === 'string' ? value : null}
        onChange={onChange}
        clearable
        clearButtonProps={{ 'aria-label': `Choose for me: ${label}` }}
        error={error}
      />
    );
  return (
    <NumberInput
      label={label}
      description={explain}
      placeholder={hint}
      value={typeof value === 'number' ? value : ''}
      onChange={(next) => onChange(typeof next === 'number' ? next : null)}
      allowDecimal={kind === 'number'}
      {...(min !== undefined && { min })}
      {...(max !== undefined && { max })}
      step={step ?? 1}
      decimalScale={8}
      error={error}
    />
  );
}
