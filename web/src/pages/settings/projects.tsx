/** Projects: whose files, jobs and models are whose. */

import { Badge, Button, Group, TextInput } from '@mantine/core';
import { type FormEvent, type ReactElement, useState } from 'react';
import type { Project } from '../../../../src/domain/project.ts';
import { openai, sentenceOf } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { fromNow } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { keysKey, projectsKey, useProjects } from './data.ts';
import { Row, Rows } from './rows.tsx';

const { projects: api } = openai.admin.organization;

export function Projects(): ReactElement {
  return (
    <Panel
      title="Projects"
      about="Each has files, jobs and models of its own, and sees nothing of another's."
      actions={<NewProject />}
      flush
    >
      <Answered query={useProjects()}>
        {(all) => (
          <Rows label="Projects">
            {all.map((project) => (
              <ProjectRow key={project.id} project={project} />
            ))}
          </Rows>
        )}
      </Answered>
    </Panel>
  );
}

function ProjectRow({ project }: { readonly project: Project }): ReactElement {
  const { id, name, status, created_at: createdAt } = project;
  const archive = useAct<void, unknown>(() => api.archive(id), { changes: [projectsKey, keysKey] });
  return (
    <Row
      name={
        <Group gap="xs" component="span" display="inline-flex">
          <span>{name}</span>
          {status === 'archived' && (
            <Badge size="xs" variant="light" color="gray" tt="none" c="var(--mantine-color-text)">
              Archived
            </Badge>
          )}
        </Group>
      }
      about={`${name === id ? '' : `${id} · `}made ${fromNow(createdAt)}${id === 'default' ? ' · where no other is named' : ''}`}
      actions={
        status === 'active' &&
        id !== 'default' && (
          <AskFirst
            words="Archive"
            question={`Archive the project “${name}”?`}
            consequences="Its keys open nothing from then on. Its files, jobs and models stay where they are, and it cannot be opened again."
            verb="Archive"
            onSure={() => archive.mutateAsync()}
            button={{ 'aria-label': `Archive ${name}` }}
          />
        )
      }
    />
  );
}

function NewProject(): ReactElement {
  const [name, setName] = useState('');
  const make = useAct<void, unknown>(() => api.create({ name }), {
    changes: [projectsKey],
    onDone: () => setName(''),
  });

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (name.trim() !== '') make.mutate();
  }

  return (
    <form onSubmit={submit}>
      <Group gap="xs" align="flex-start">
        <TextInput
          size="xs"
          aria-label="Name of a new project"
          placeholder="Name of a new project"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={200}
          error={make.isError ? sentenceOf(make.error) : undefined}
        />
        <Button size="xs" variant="default" type="submit" loading={make.isPending} disabled={name.trim() === ''}>
          Make it
        </Button>
      </Group>
    </form>
  );
}
