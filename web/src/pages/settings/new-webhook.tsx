/** Naming an address that is told, and of what; then the secret that its signatures are made with, once. */

import { Button, Checkbox, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type FormEvent, type ReactElement, useState } from 'react';
import type { WebhookEventType } from '../../../../src/domain/webhook.ts';
import { fieldOf, openai, sentenceOf } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { webhooksKey } from './data.ts';
import { Secret } from './secret.tsx';

/** What a webhook may be told of, in words. */
const events: Readonly<Record<WebhookEventType, string>> = {
  'fine_tuning.job.succeeded': 'A job has trained its model',
  'fine_tuning.job.failed': 'A job failed',
  'fine_tuning.job.cancelled': 'A job was cancelled',
  'eval.run.succeeded': 'An evaluation is done',
  'eval.run.failed': 'An evaluation failed',
  'eval.run.canceled': 'An evaluation was cancelled',
  'batch.completed': 'A batch is done',
  'batch.failed': 'A batch failed',
  'batch.expired': 'A batch ran out of time',
  'batch.cancelled': 'A batch was cancelled',
  'response.completed': 'A response in the background is done',
  'response.failed': 'A response in the background failed',
  'response.cancelled': 'A response in the background was cancelled',
  'response.incomplete': 'A response in the background was cut short',
};
const usual = Object.keys(events).filter((event) => event.startsWith('fine_tuning'));

export function NewWebhook(): ReactElement {
  const [isOpen, dialog] = useDisclosure(false);
  const [secret, setSecret] = useState<string | null>(null);

  function close(): void {
    dialog.close();
    setSecret(null);
  }

  return (
    <>
      <Button size="xs" variant="default" onClick={dialog.open}>
        Add a webhook
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={secret === null ? 'A new webhook' : 'Its signing secret'}
        centered
        closeOnClickOutside={secret === null}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {secret === null ? (
          <Form onMade={setSecret} />
        ) : (
          <Secret label="Signing secret" value={secret} onDone={close} />
        )}
      </Modal>
    </>
  );
}

function Form({ onMade }: { readonly onMade: (secret: string) => void }): ReactElement {
  const [url, setUrl] = useState('');
  const [chosen, choose] = useState<string[]>(usual);
  const make = useAct<void, { secret: string }>(
    () => openai.post<{ secret: string }>('/webhooks', { body: { url: url.trim(), events: chosen } }),
    { changes: [webhooksKey, ['system']], onDone: ({ secret }) => onMade(secret) },
  );
  const isAboutUrl = make.isError && fieldOf(make.error) === 'url';

  function submit(event: FormEvent): void {
    event.preventDefault();
    make.mutate();
  }

  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <TextInput
          label="Address"
          placeholder="https://example.com/told"
          value={url}
          onChange={(event) => setUrl(event.currentTarget.value)}
          error={isAboutUrl ? sentenceOf(make.error) : undefined}
          required
          data-autofocus
        />
        <Checkbox.Group label="It is told of" value={chosen} onChange={choose}>
          <Stack gap={6} mt="xs">
            {Object.entries(events).map(([event, words]) => (
              <Checkbox key={event} value={event} label={words} />
            ))}
          </Stack>
        </Checkbox.Group>
        {make.isError && !isAboutUrl && <Failure error={make.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={make.isPending} disabled={url.trim() === '' || chosen.length === 0}>
            Add it
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
