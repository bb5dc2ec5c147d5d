/** Making a key: for what, and how much it may use; then its secret, once. */

import { Button, Group, Modal, Radio, Select, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type FormEvent, type ReactElement, useState } from 'react';
import type { KeyLimits } from '../../../../src/domain/api-key.ts';
import { openai } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { useDoor } from '../../session.ts';
import { keysKey, projectsKey, useProjects } from './data.ts';
import { LimitInputs } from './key-limits.tsx';
import { Secret } from './secret.tsx';

export function NewKey({ isFirst }: { readonly isFirst: boolean }): ReactElement {
  const [isOpen, dialog] = useDisclosure(false);
  const [secret, setSecret] = useState<string | null>(null);
  const [wasFirst, setWasFirst] = useState(false);

  function close(): void {
    dialog.close();
    setSecret(null);
  }

  function made(value: string): void {
    setWasFirst(isFirst);
    setSecret(value);
  }

  return (
    <>
      <Button size="xs" onClick={dialog.open}>
        Make a key
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={secret === null ? 'A new key' : 'Your new key'}
        centered
        closeOnClickOutside={secret === null}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {secret === null ? (
          <Form isFirst={isFirst} onMade={made} />
        ) : (
          <Secret label="Key" value={secret} onDone={close}>
            {wasFirst
              ? 'From now on every request needs a key. This browser is signed in with this one; without it nobody comes in by this page.'
              : undefined}
          </Secret>
        )}
      </Modal>
    </>
  );
}

type Kind = 'program' | 'admin';

interface FormProps {
  readonly isFirst: boolean;
  readonly onMade: (secret: string) => void;
}

function Form({ isFirst, onMade }: FormProps): ReactElement {
  const { enter } = useDoor();
  const projects = useProjects();
  const [kind, setKind] = useState<Kind>(isFirst ? 'admin' : 'program');
  const [name, setName] = useState('');
  const [project, setProject] = useState('default');
  const [limits, setLimits] = useState<KeyLimits>({ requests_per_minute: null, tokens_per_minute: null });
  const make = useAct<void, { value: string }>(
    async () => {
      const made =
        kind === 'admin'
          ? await openai.admin.organization.adminAPIKeys.create({ name })
          : await openai.post<{ value: string }>(`/organization/projects/${project}/api_keys`, {
              body: { name, ...limits },
            });
      // The door is locked from this moment on, for this page too.
      if (isFirst) await enter(made.value);
      return made;
    },
    { changes: [keysKey, projectsKey], onDone: ({ value }) => onMade(value) },
  );

  function submit(event: FormEvent): void {
    event.preventDefault();
    make.mutate();
  }

  const active = projects.data?.filter(({ status }) => status === 'active') ?? [];
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <TextInput
          label="Name"
          description="To know it again by: who or what uses it."
          placeholder="My laptop"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={200}
          required
          data-autofocus
        />
        <Radio.Group label="What it is for" value={kind} onChange={(value) => setKind(value)}>
          <Stack gap="xs" mt="xs">
            <Radio
              value="program"
              label="Programs and people of a project"
              description="Files, jobs, models and answers of one project."
              disabled={isFirst}
            />
            <Radio
              value="admin"
              label="Whoever runs this server"
              description={
                isFirst
                  ? 'These settings too. The first key is one, so that nobody is locked out of them.'
                  : 'These settings too: keys, projects, and names of models.'
              }
            />
          </Stack>
        </Radio.Group>
        {kind === 'program' && (
          <>
            <Select
              label="Project"
              data={active.map(({ id, name: words }) => ({ value: id, label: words }))}
              value={project}
              onChange={(value) => setProject(value ?? 'default')}
              allowDeselect={false}
            />
            <LimitInputs limits={limits} onChange={setLimits} />
          </>
        )}
        {make.isError && <Failure error={make.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={make.isPending} disabled={name.trim() === ''}>
            Make the key
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
