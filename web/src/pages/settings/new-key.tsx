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

interface Made {
  readonly value: string;
  /** Whether it has locked the door. */
  readonly wasFirst: boolean;
}

/** What nobody has copied yet. The first key locks the door, so this page may be drawn anew before it was shown. */
let uncopied: Made | null = null;

export function NewKey({ isFirst }: { readonly isFirst: boolean }): ReactElement {
  const [made, setMade] = useState(uncopied);
  const [isOpen, dialog] = useDisclosure(made !== null);

  function close(): void {
    uncopied = null;
    dialog.close();
    setMade(null);
  }

  return (
    <>
      <Button size="xs" onClick={dialog.open}>
        Make a key
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={made === null ? 'A new key' : 'Your new key'}
        centered
        closeOnClickOutside={made === null}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {made === null ? (
          <Form isFirst={isFirst} onMade={setMade} />
        ) : (
          <Secret label="Key" value={made.value} onDone={close}>
            {made.wasFirst
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
  readonly onMade: (made: Made) => void;
}

function Form({ isFirst, onMade }: FormProps): ReactElement {
  const { enter } = useDoor();
  const projects = useProjects();
  const [kind, setKind] = useState<Kind>(isFirst ? 'admin' : 'program');
  const [name, setName] = useState('');
  const [project, setProject] = useState('default');
  const [limits, setLimits] = useState<KeyLimits>({ requests_per_minute: null, tokens_per_minute: null });
  const make = useAct<void, Made>(
    async () => {
      const wanted = { name, ...limits };
      const { value } =
        kind === 'admin'
          ? await openai.admin.organization.adminAPIKeys.create({ name })
          : await openai.post<{ value: string }>(`/organization/projects/${project}/api_keys`, { body: wanted });
      uncopied = { value, wasFirst: isFirst };
      if (isFirst) await enter(value);
      return uncopied;
    },
    { changes: [keysKey, projectsKey], onDone: onMade },
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
