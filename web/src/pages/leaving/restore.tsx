/** The third step: files, jobs and evals are made again here, on a base model of one's choice. */

import { Button, Checkbox, Group, Select, Stack, Table, Text } from '@mantine/core';
import { type FormEvent, type ReactElement, useState } from 'react';
import type { OpenAICaptureDetails, RestoredObject, RestoreResult } from '../../../../src/domain/openai-capture.ts';
import { fieldOf, sentenceOf } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { count } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { Status } from '../../parts/status.tsx';
import { startTask, TaskProgress } from '../../parts/task-progress.tsx';
import { useModelNames } from '../../parts/models.ts';
import { isBusy, useNewest } from './captures.ts';
import classes from './leaving.module.css';

const kinds = [
  ['files', 'Files'],
  ['fine_tuning_jobs', 'Jobs that succeeded; they train here'],
  ['evals', 'Evals'],
] as const;

export function Restore({ capture }: { readonly capture: OpenAICaptureDetails }): ReactElement {
  const bases = useModelNames().filter((name) => !name.startsWith('ft:'));
  const [model, setModel] = useState<string | null>(null);
  const [only, setOnly] = useState<readonly string[]>(kinds.map(([kind]) => kind));
  const [withRuns, setWithRuns] = useState(false);
  const task = useNewest('openai_restore', capture.id);
  const begin = useAct(() => startTask('openai_restore', { capture: capture.id, model, only, with_runs: withRuns }), {
    changes: [['tasks', 'openai_restore'], ['openai-capture'], ['files'], ['jobs']],
  });
  const isAbout = begin.isError ? fieldOf(begin.error) : null;

  function submit(event: FormEvent): void {
    event.preventDefault();
    begin.mutate(undefined);
  }

  return (
    <Panel
      title="3. Make it again here"
      about="Files are uploaded, jobs train on a base model of your choice with their own settings, evals are made. Doing it again makes nothing twice, and makes what had to wait: a fine-tune of a fine-tune, a run whose model still trained."
    >
      {isBusy(task) ? (
        <TaskProgress task={task!} label="Making it again here" />
      ) : (
        <form onSubmit={submit}>
          <Stack gap="md">
            {task !== null && task.status !== 'succeeded' && <TaskProgress task={task} label="The last attempt" />}
            <Select
              label="Base model"
              description="Stands in for OpenAI's, and judges where an eval asks a model to."
              placeholder={
                bases.length === 0 ? 'There is no model here yet; fetch one on the page Models' : 'Choose one'
              }
              data={bases}
              limit={50}
              value={model}
              onChange={setModel}
              searchable
              error={isAbout === 'model' ? sentenceOf(begin.error) : undefined}
              maw={460}
            />
            <Checkbox.Group label="What to make" value={[...only]} onChange={setOnly}>
              <Stack gap={8} mt={6}>
                {kinds.map(([kind, label]) => (
                  <Checkbox key={kind} value={kind} label={label} />
                ))}
              </Stack>
            </Checkbox.Group>
            <Checkbox
              label="Also run the newest finished run of each eval again"
              checked={withRuns}
              onChange={(event) => setWithRuns(event.currentTarget.checked)}
            />
            {begin.isError && isAbout !== 'model' && <Failure error={begin.error} />}
            <Group>
              <Button type="submit" loading={begin.isPending} disabled={model === null || only.length === 0}>
                Make it again
              </Button>
            </Group>
          </Stack>
        </form>
      )}
      {task?.status === 'succeeded' && <Made result={task.result as RestoreResult} />}
    </Panel>
  );
}

const nouns: Readonly<Record<RestoredObject['kind'], string>> = {
  files: 'File',
  jobs: 'Job',
  models: 'Model',
  evals: 'Eval',
  runs: 'Run',
};
const states: Readonly<Record<RestoredObject['state'], readonly [status: string, words: string]>> = {
  made: ['succeeded', 'Made'],
  there: ['succeeded', 'Was there'],
  waiting: ['queued', 'Waits'],
  left_out: ['failed', 'Left out'],
};
const rowsMax = 200;

function Made({
  result: { made, there, waiting, left_out, restored },
}: {
  readonly result: RestoreResult;
}): ReactElement {
  return (
    <div className={classes['listing']} tabIndex={0} role="region" aria-label="What was made">
      <Text size="sm" mt="md" mb="xs" className="figures">
        The last time {count(made)} made, {count(there)} were there already, {count(waiting)} waited, {count(left_out)}{' '}
        left out.
      </Text>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>There</Table.Th>
            <Table.Th>Here</Table.Th>
            <Table.Th>What became of it</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {restored.slice(0, rowsMax).map(({ kind, old, here, state, reason, differences }) => (
            <Table.Tr key={`${kind} ${old}`}>
              <Table.Td>
                <Text size="xs" c="dimmed">
                  {nouns[kind]}
                </Text>
                <span className="outside">{old}</span>
              </Table.Td>
              <Table.Td className="outside">{here ?? '—'}</Table.Td>
              <Table.Td>
                <Status status={states[state][0]} words={states[state][1]} />
                {[...(reason === null ? [] : [reason]), ...differences].map((each) => (
                  <Text key={each} size="xs" c="dimmed" className="outside">
                    {each}
                  </Text>
                ))}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
