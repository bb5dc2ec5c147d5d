/** An answer, corrected where it must be, as a line of a training file: of a new one, or of a new version of one. */

import { Alert, Button, Checkbox, Group, Modal, Radio, Select, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { toFile } from 'openai';
import { type ReactElement, useState } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';
import { type ListOf, openai } from '../../api.ts';
import { useAct, useLive } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { bytes } from '../../parts/numbers.ts';
import type { Answer } from './answers.ts';
import classes from './playground.module.css';
import { messagesOf, type Prompt, toolsOf } from './prompt.ts';
import { PageLink } from '../../parts/links.tsx';

interface SaveExampleProps {
  readonly prompt: Prompt;
  readonly answer: Answer;
  readonly onClose: () => void;
}

/** Where the next one goes: the file that the last one made. */
let lastFile: string | null = null;
const filesMax = 500;

export function SaveExample({ prompt, answer, onClose }: SaveExampleProps): ReactElement {
  const [said, setSaid] = useState(answer.text);
  const [target, setTarget] = useState<'new' | 'old'>(lastFile === null ? 'new' : 'old');
  const [name, setName] = useState('from-playground.jsonl');
  const [chosen, setChosen] = useState<string | null>(lastFile);
  const [replaces, setReplaces] = useState(false);
  const listed = useLive(
    ['files', 'to-add-to'],
    (signal) => openai.get<ListOf<FileObject>>('/files', { query: { purpose: 'fine-tune', limit: filesMax }, signal }),
    { every: false },
  );
  const files = listed.data?.data ?? [];
  const old = files.find(({ id }) => id === chosen);
  const save = useAct(
    async (): Promise<FileObject> => {
      const example = exampleOf(prompt, answer, said);
      if (target === 'new') return await uploadNew(fileNameOf(name), example);
      const made = await openai.post<FileObject>(`/files/${old!.id}/edits`, {
        body: { add: [example], filename: old!.filename },
      });
      if (replaces) await openai.files.delete(old!.id);
      return made;
    },
    { changes: [['files']], onDone: ({ id }) => (lastFile = id) },
  );
  const isReady = (said.trim() !== '' || answer.calls.length > 0) && (target === 'new' ? name.trim() !== '' : old);
  return (
    <Modal
      opened
      onClose={onClose}
      title="Save as training example"
      size="lg"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {save.data !== undefined ? (
        <Stack>
          <Alert color="teal" variant="light" role="status">
            Saved as the last line of{' '}
            <PageLink to="/files/$id" params={{ id: save.data.id }} fw={600}>
              {save.data.filename}
            </PageLink>
            {target === 'old' &&
              (replaces ? '; the version before it is deleted.' : '; the version before it is still there.')}
          </Alert>
          <Group justify="flex-end">
            <Button onClick={onClose} data-autofocus>
              Go on asking
            </Button>
          </Group>
        </Stack>
      ) : (
        <Stack gap="md">
          <Text size="sm" c="dimmed">
            A model that learns from this file is to answer the same conversation like this. Correct the answer first if
            it is not what you want: what a model should say teaches it more than what it said.
          </Text>
          {answer.calls.length === 0 ? (
            <Textarea
              label="What the model should say"
              autosize
              minRows={2}
              maxRows={12}
              value={said}
              onChange={(event) => setSaid(event.currentTarget.value)}
              data-autofocus
            />
          ) : (
            <Text size="sm" className={classes['call']}>
              The example holds the call of {answer.calls.map((call) => call.name).join(', ')} and the tools.
            </Text>
          )}
          <Radio.Group label="Where to" value={target} onChange={(value) => setTarget(value)}>
            <Stack gap="xs" mt={6}>
              <Radio value="new" label="A new file" />
              <Radio value="old" label="A file that is there" disabled={files.length === 0} />
            </Stack>
          </Radio.Group>
          {target === 'new' ? (
            <TextInput label="Name of the file" value={name} onChange={(event) => setName(event.currentTarget.value)} />
          ) : (
            <>
              <Select
                label="File"
                description="Files never change here. A new file with all of its lines and this one is made; jobs that name the old one keep it."
                data={files.map((file) => ({ value: file.id, label: `${file.filename} (${bytes(file.bytes)})` }))}
                value={chosen}
                onChange={setChosen}
                searchable
                limit={50}
              />
              <Checkbox
                label="Delete the old version when the new one is there"
                checked={replaces}
                onChange={(event) => setReplaces(event.currentTarget.checked)}
              />
            </>
          )}
          {save.isError && <Failure error={save.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Leave it
            </Button>
            <Button loading={save.isPending} disabled={!isReady} onClick={() => save.mutate(undefined)}>
              Save
            </Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}

/** A line as OpenAI has it. */
function exampleOf(prompt: Prompt, { calls }: Answer, said: string): Readonly<Record<string, unknown>> {
  const tools = toolsOf(prompt.tools);
  const tool_calls = calls.map((call, i) => ({ id: `call_${i + 1}`, type: 'function', function: call }));
  const answer = calls.length > 0 ? { role: 'assistant', tool_calls } : { role: 'assistant', content: said };
  return { messages: [...messagesOf(prompt), answer], ...(tools.length > 0 && { tools }) };
}

async function uploadNew(filename: string, example: object): Promise<FileObject> {
  const file = await toFile(new Blob([`${JSON.stringify(example)}\n`]), filename, { type: 'text/jsonl' });
  return (await openai.files.create({ file, purpose: 'fine-tune' })) as unknown as FileObject;
}

const fileNameOf = (name: string): string => (/\.jsonl$/i.test(name.trim()) ? name.trim() : `${name.trim()}.jsonl`);
