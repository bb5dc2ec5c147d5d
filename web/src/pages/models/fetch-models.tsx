/** Base models that could be on this machine: the catalogue, and any GGUF or checkpoint the user knows of. */

import { Button, Group, Text, TextInput } from '@mantine/core';
import { type FormEvent, type ReactElement, useState } from 'react';
import type { BaseModelObject } from '../../../../src/domain/base-model.ts';
import { fieldOf, sentenceOf } from '../../api.ts';
import { useAct } from '../../live.ts';
import { useSession } from '../../session.ts';
import { Failure } from '../../parts/answered.tsx';
import { bytes, count } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { isOver, startTask, TaskProgress } from '../../parts/task-progress.tsx';
import { millions } from './figures.ts';
import { ModelLink } from './model-link.tsx';
import classes from './models.module.css';
import { labelOf, type PullTask, usePulls } from './pulls.ts';

interface FetchModelsProps {
  readonly bases: readonly BaseModelObject[];
  /** Ids of those that are here already. */
  readonly here?: readonly string[];
  /** On the page of one model there is no place for others, and what it is stands there anyway. */
  readonly alone?: boolean;
}

export function FetchModels({ bases, here = [], alone = false }: FetchModelsProps): ReactElement {
  const pulls = usePulls();
  const session = useSession();
  const isAllowed = session.data?.operator === true;
  const catalogued = new Set([...here, ...bases.map(({ id }) => id)]);
  const elsewhere = pulls.filter((task) => !catalogued.has(task.request.source));
  return (
    <Panel
      title={alone ? 'Fetch it' : 'Base models to fetch'}
      about={
        isAllowed
          ? about
          : 'Base models are shared by all projects: whoever runs this server, or has an admin key, fetches them.'
      }
      flush
    >
      <ul className={classes['rows']} aria-label="Base models to fetch">
        {bases.map((base) => (
          <li key={base.id} className={classes['row']}>
            <Entry
              base={base}
              alone={alone}
              isAllowed={isAllowed}
              pull={pulls.find(({ request }) => request.source === base.id) ?? null}
            />
          </li>
        ))}
      </ul>
      {isAllowed && (alone ? bases.map(({ id }) => <FromFile key={id} id={id} />) : <Elsewhere pulls={elsewhere} />)}
    </Panel>
  );
}

const about =
  "Fetching is the only time a base model needs the network: each comes from its maker's page on the Hugging Face hub, or from a package registry, and is checked before it is used.";

interface EntryProps {
  readonly base: BaseModelObject;
  readonly alone: boolean;
  readonly isAllowed: boolean;
  readonly pull: PullTask | null;
}

function Entry({ base, alone, isAllowed, pull }: EntryProps): ReactElement {
  const fetch = usePull();
  const { id, name, serving_only: servingOnly } = base;
  const isComing = pull !== null && !isOver(pull);
  return (
    <>
      <div className={classes['about']}>
        {!alone && <ModelLink id={id} words={name} />}
        <Text size="sm" c="dimmed" className="figures">
          {[
            `${millions(base.parameters)} weights`,
            `about ${bytes(base.size_bytes)}`,
            `reads ${count(base.context_tokens)} tokens`,
            base.licence,
          ].join(' · ')}
        </Text>
        {!alone && servingOnly !== null && (
          <Text size="sm" c="dimmed">
            It answers, but cannot be trained: {servingOnly}.
          </Text>
        )}
        {pull !== null && <Pull task={pull} />}
        {fetch.isError && <Failure error={fetch.error} />}
      </div>
      {isAllowed && !isComing && (
        <Group gap="xs" className={classes['acts']}>
          <Button
            size="xs"
            variant="default"
            loading={fetch.isPending}
            onClick={() => fetch.mutate({ source: id, after: pull })}
            aria-label={`${verbFor(pull)} ${name}`}
          >
            {verbFor(pull)}
          </Button>
        </Group>
      )}
    </>
  );
}

/** What is not in the catalogue: a place on the hub, or a path on the machine of the server. */
function Elsewhere({ pulls }: { readonly pulls: readonly PullTask[] }): ReactElement {
  const [source, setSource] = useState('');
  const fetch = usePull(() => setSource(''));
  const isAboutSource = fetch.isError && fieldOf(fetch.error) === 'source';

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (source.trim() !== '') fetch.mutate({ source: source.trim(), after: null });
  }

  return (
    <div className={classes['elsewhere']}>
      <form onSubmit={submit}>
        <Group align="flex-end" gap="xs">
          <TextInput
            label="Another model"
            description="owner/name or owner/name/file.gguf on the Hugging Face hub, or the path of a GGUF file or of a folder with a checkpoint on the machine where Tunesmith runs"
            placeholder="owner/name"
            value={source}
            onChange={(event) => setSource(event.currentTarget.value)}
            error={isAboutSource ? sentenceOf(fetch.error) : null}
            className={classes['source']}
            autoComplete="off"
            spellCheck={false}
          />
          <Button type="submit" variant="default" loading={fetch.isPending} disabled={source.trim() === ''}>
            Fetch
          </Button>
        </Group>
      </form>
      {fetch.isError && !isAboutSource && <Failure error={fetch.error} />}
      {pulls.map((task) => (
        <ElsewherePull key={task.request.source} task={task} />
      ))}
    </div>
  );
}

/** For machines without a way to the internet: somebody has brought the file. */
function FromFile({ id }: { readonly id: string }): ReactElement {
  const [from, setFrom] = useState('');
  const fetch = usePull(() => setFrom(''));
  const isAboutPath = fetch.isError && fieldOf(fetch.error) === 'from';

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (from.trim() !== '') fetch.mutate({ source: id, from: from.trim(), after: null });
  }

  return (
    <form onSubmit={submit} className={classes['elsewhere']}>
      <Group align="flex-end" gap="xs">
        <TextInput
          label="From a file that is here already"
          description="The path of its GGUF file on the machine where Tunesmith runs"
          placeholder="/path/to/model.gguf"
          value={from}
          onChange={(event) => setFrom(event.currentTarget.value)}
          error={isAboutPath ? sentenceOf(fetch.error) : null}
          className={classes['source']}
          autoComplete="off"
          spellCheck={false}
        />
        <Button type="submit" variant="default" loading={fetch.isPending} disabled={from.trim() === ''}>
          Take it
        </Button>
      </Group>
      {fetch.isError && !isAboutPath && <Failure error={fetch.error} />}
    </form>
  );
}

function ElsewherePull({ task }: { readonly task: PullTask }): ReactElement {
  const fetch = usePull();
  return (
    <div className={classes['pull']}>
      <Text size="sm" fw={500} className="outside">
        {labelOf(task)}
      </Text>
      <Pull task={task} />
      {isOver(task) && (
        <Button
          size="xs"
          variant="default"
          mt="xs"
          loading={fetch.isPending}
          onClick={() => fetch.mutate({ source: task.request.source, after: task })}
          aria-label={`${verbFor(task)} ${labelOf(task)}`}
        >
          {verbFor(task)}
        </Button>
      )}
      {fetch.isError && <Failure error={fetch.error} />}
    </div>
  );
}

/** What an attempt said last is said again by why it failed. */
function Pull({ task }: { readonly task: PullTask }): ReactElement {
  if (task.status === 'failed') return <Failure error={new Error(task.error?.message)} />;
  return (
    <div className={classes['progress']}>
      <TaskProgress task={task} label="Waiting for its turn" />
    </div>
  );
}

const verbFor = (pull: PullTask | null): string =>
  pull === null ? 'Fetch' : pull.status === 'failed' ? 'Try again' : 'Go on fetching';

interface Wish {
  readonly source: string;
  readonly from?: string;
  /** An attempt that came to no good end: what had arrived by then is used. */
  readonly after: PullTask | null;
}

function usePull(onDone?: () => void) {
  return useAct(
    ({ after, ...wish }: Wish) => startTask('pull', { ...wish, ...(after !== null && { continue_from: after.id }) }),
    { changes: [['tasks']], ...(onDone !== undefined && { onDone }) },
  );
}
