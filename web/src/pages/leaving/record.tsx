/** The second step: what a fine-tuned model answers to a test is recorded, while it still answers. */

import { Autocomplete, Button, Group, Stack, Text } from '@mantine/core';
import { type FormEvent, type ReactElement, useState } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';
import type { OpenAICaptureDetails, RecordResult } from '../../../../src/domain/openai-capture.ts';
import { fieldOf, sentenceOf } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { counted } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { startTask, TaskProgress } from '../../parts/task-progress.tsx';
import { FileChoice } from '../evaluations/choices.tsx';
import { isBusy, useNewest } from './captures.ts';
import { KeyField } from './key-field.tsx';

export function Record({ capture }: { readonly capture: OpenAICaptureDetails }): ReactElement {
  const [key, setKey] = useState('');
  const [model, setModel] = useState(capture.models[0]?.model ?? '');
  const [file, setFile] = useState<FileObject | null>(null);
  const task = useNewest('openai_record', capture.id);
  const begin = useAct(
    () => startTask('openai_record', { api_key: key.trim(), capture: capture.id, model: model.trim(), file: file?.id }),
    { changes: [['tasks', 'openai_record'], ['openai-capture']], onDone: () => setKey('') },
  );
  const errorAt = (field: string): string | null =>
    begin.isError && fieldOf(begin.error) === field ? sentenceOf(begin.error) : null;

  function submit(event: FormEvent): void {
    event.preventDefault();
    begin.mutate(undefined);
  }

  return (
    <Panel
      title="2. Record what a model answers"
      about="Proof that your model here is as good needs the answers of the one over there, and those can only be had while it answers. The questions are asked one at a time, as OpenAI charges for them."
    >
      {capture.recordings.length > 0 && (
        <Stack gap={4} mb="md">
          {capture.recordings.map(({ id, model: of, answered, questions }) => (
            <Text key={id} size="sm" className="outside figures">
              {of}: {answered} of {counted(questions, 'question')} answered.
            </Text>
          ))}
        </Stack>
      )}
      {isBusy(task) ? (
        <TaskProgress task={task!} label="Recording answers" />
      ) : (
        <form onSubmit={submit}>
          <Stack gap="md">
            {task !== null && task.status !== 'succeeded' && <TaskProgress task={task} label="The last attempt" />}
            {task?.status === 'succeeded' && <Recorded result={task.result as RecordResult} />}
            <Autocomplete
              label="Model over there"
              data={[...new Set(capture.models.map((each) => each.model))]}
              limit={50}
              value={model}
              onChange={setModel}
              error={errorAt('model')}
              maw={460}
            />
            <FileChoice
              label="Test"
              description="A file of chats whose last message is the right answer, kept out of training."
              purposes={['fine-tune']}
              value={file}
              onChange={setFile}
              error={errorAt('file')}
            />
            <KeyField value={key} onChange={setKey} error={errorAt('api_key')} />
            {begin.isError && !['api_key', 'file', 'model'].includes(fieldOf(begin.error) ?? '') && (
              <Failure error={begin.error} />
            )}
            <Group>
              <Button
                type="submit"
                loading={begin.isPending}
                disabled={key.trim() === '' || model.trim() === '' || file === null}
              >
                Record
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Panel>
  );
}

function Recorded({ result }: { readonly result: RecordResult }): ReactElement {
  const { questions, recorded, known, with_logprobs, failure_count, failures } = result;
  return (
    <Text size="sm" className="outside" role="status">
      {counted(recorded, 'answer')} recorded{known > 0 ? `, ${known} were there already` : ''}, of{' '}
      {counted(questions, 'question')}; {with_logprobs} with probabilities.
      {failure_count > 0 &&
        ` ${failure_count} failed and are asked again next time; line ${failures[0]!.line}: ${failures[0]!.message}`}
    </Text>
  );
}
