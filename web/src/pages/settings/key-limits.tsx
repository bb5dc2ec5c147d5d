/** What a key may use per minute, while it is in use. */

import { Button, Group, Modal, NumberInput, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type FormEvent, type ReactElement, useState } from 'react';
import type { ApiKey, KeyLimits } from '../../../../src/domain/api-key.ts';
import { openai } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { keysKey } from './data.ts';

export function KeyLimitsButton({ item }: { readonly item: ApiKey }): ReactElement {
  const [isOpen, dialog] = useDisclosure(false);
  return (
    <>
      <Button size="xs" variant="default" aria-label={`Limits of ${item.name}`} onClick={dialog.open}>
        Limits
      </Button>
      <Modal
        opened={isOpen}
        onClose={dialog.close}
        title={`Limits of “${item.name}”`}
        centered
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <Form item={item} onDone={dialog.close} />
      </Modal>
    </>
  );
}

function Form({ item, onDone }: { readonly item: ApiKey; readonly onDone: () => void }): ReactElement {
  const [limits, setLimits] = useState<KeyLimits>(item);
  const save = useAct<void, ApiKey>(
    () => {
      const { requests_per_minute, tokens_per_minute } = limits;
      const body = { requests_per_minute, tokens_per_minute };
      return openai.post<ApiKey>(`/organization/projects/${item.project_id}/api_keys/${item.id}`, { body });
    },
    { changes: [keysKey], onDone },
  );

  function submit(event: FormEvent): void {
    event.preventDefault();
    save.mutate();
  }

  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <LimitInputs limits={limits} onChange={setLimits} />
        {save.isError && <Failure error={save.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface LimitInputsProps {
  readonly limits: KeyLimits;
  readonly onChange: (limits: KeyLimits) => void;
}

export function LimitInputs({ limits, onChange }: LimitInputsProps): ReactElement {
  const input = (field: keyof KeyLimits, label: string, description: string) => (
    <NumberInput
      label={label}
      description={description}
      placeholder="As many as come"
      min={1}
      max={1e12}
      allowDecimal={false}
      thousandSeparator=","
      hideControls
      value={limits[field] ?? ''}
      onChange={(value) => onChange({ ...limits, [field]: typeof value === 'number' ? value : null })}
    />
  );
  return (
    <>
      {input('requests_per_minute', 'Requests a minute', 'Of those that models answer. Looking at things is free.')}
      {input('tokens_per_minute', 'Tokens a minute', 'Of questions and answers together.')}
    </>
  );
}
