/** The first step: what is at OpenAI is taken, while one watches or does something else. */

import { Anchor, Button, Checkbox, Collapse, Group, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type FormEvent, type ReactElement, useState } from 'react';
import { fieldOf, sentenceOf } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { Panel } from '../../parts/panel.tsx';
import { startTask, TaskProgress } from '../../parts/task-progress.tsx';
import { isBusy, useNewest, usualName } from './captures.ts';
import { KeyField } from './key-field.tsx';

const kinds = [
  ['evals', 'Evals with runs and results'],
  ['models', 'The list of fine-tuned models'],
  ['fine_tuning_jobs', 'Jobs with events and checkpoints'],
  ['files', 'Files of training and evals'],
  ['stored_completions', 'Stored answers'],
] as const;
type Kind = (typeof kinds)[number][0];

interface TakeProps {
  readonly capture: string;
  /** Where the capture is from; null where there is none yet. */
  readonly from: string | null;
  readonly onBegun: (capture: string) => void;
}

export function Take({ capture, from, onBegun }: TakeProps): ReactElement {
  const [key, setKey] = useState('');
  const [name, setName] = useState(capture);
  const [baseUrl, setBaseUrl] = useState('');
  const [only, setOnly] = useState<readonly Kind[]>(kinds.map(([kind]) => kind));
  const [isOpen, more] = useDisclosure(false);
  const task = useNewest('openai_capture', capture);
  const begin = useAct(
    () =>
      startTask('openai_capture', {
        api_key: key.trim(),
        capture: name,
        ...(baseUrl.trim() !== '' && { base_url: baseUrl.trim() }),
        ...(only.length < kinds.length && { only }),
      }),
    {
      changes: [['tasks', 'openai_capture'], ['openai-captures'], ['openai-capture']],
      onDone: () => {
        setKey('');
        onBegun(name);
      },
    },
  );
  const errorAt = (field: string): string | null =>
    begin.isError && fieldOf(begin.error) === field ? sentenceOf(begin.error) : null;
  const isElsewhere = begin.isError && !['api_key', 'capture', 'base_url'].includes(fieldOf(begin.error) ?? '');

  function submit(event: FormEvent): void {
    event.preventDefault();
    begin.mutate(undefined);
  }

  return (
    <Panel
      title="1. Take what is there"
      about={
        from === null
          ? 'Jobs, models, files, evals and stored answers are copied to this machine. Nothing over there is changed, and it can be done again at any time: only what is new is taken.'
          : `Again from ${from}: only what is new is taken, and what was deleted over there stays here.`
      }
    >
      {isBusy(task) ? (
        <TaskProgress task={task!} label="Taking what is there" />
      ) : (
        <form onSubmit={submit}>
          <Stack gap="md">
            {task !== null && task.status !== 'succeeded' && <TaskProgress task={task} label="The last attempt" />}
            <KeyField value={key} onChange={setKey} error={errorAt('api_key')} />
            <Anchor
              component="button"
              type="button"
              size="sm"
              onClick={more.toggle}
              aria-expanded={isOpen}
              w="fit-content"
            >
              {isOpen ? 'Fewer choices' : 'More choices'}
            </Anchor>
            <Collapse expanded={isOpen}>
              <Stack gap="md">
                <TextInput
                  label="Name"
                  description="Of what is taken; another organisation gets another name. Small letters, digits, - and _."
                  value={name}
                  onChange={(event) => setName(event.currentTarget.value)}
                  error={errorAt('capture')}
                  maw={460}
                />
                <TextInput
                  label="Address"
                  description="Of any server that speaks OpenAI's API; empty for OpenAI itself."
                  placeholder={from ?? 'https://api.openai.com/v1'}
                  value={baseUrl}
                  onChange={(event) => setBaseUrl(event.currentTarget.value)}
                  error={errorAt('base_url')}
                  maw={460}
                />
                <Checkbox.Group label="What to take" value={[...only]} onChange={(value) => setOnly(value)}>
                  <Stack gap={8} mt={6}>
                    {kinds.map(([kind, label]) => (
                      <Checkbox key={kind} value={kind} label={label} />
                    ))}
                  </Stack>
                </Checkbox.Group>
              </Stack>
            </Collapse>
            {(isElsewhere || (!isOpen && (errorAt('base_url') ?? errorAt('capture')) !== null)) && (
              <Failure error={begin.error} />
            )}
            <Group>
              <Button
                type="submit"
                loading={begin.isPending}
                disabled={key.trim() === '' || only.length === 0 || (name || usualName) === ''}
              >
                {from === null ? 'Begin' : 'Take what is new'}
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Panel>
  );
}
