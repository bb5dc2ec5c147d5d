/** Where files are dropped, or chosen by a button, and what they are to be for. */

import { Button, FileButton, Group, SegmentedControl, Stack, Text } from '@mantine/core';
import { IconUpload } from '@tabler/icons-react';
import { type DragEvent, type ReactElement, useState } from 'react';
import { send, type Purpose } from './uploads.ts';
import classes from './files.module.css';

const purposes: readonly { readonly value: Purpose; readonly label: string }[] = [
  { value: 'fine-tune', label: 'Training' },
  { value: 'evals', label: 'Evaluation' },
  { value: 'batch', label: 'Batch' },
];

const about: Readonly<Record<Purpose, string>> = {
  'fine-tune': 'Training and validation data: one example a line, as JSON (.jsonl), up to 8\u00a0GB a file.',
  evals: 'Items for an evaluation: one a line, as JSON (.jsonl).',
  batch: 'Requests to answer in the background: one a line, as JSON (.jsonl), up to 200\u00a0MB a file.',
};

export function DropArea(): ReactElement {
  const [purpose, setPurpose] = useState<Purpose>('fine-tune');
  const [isOver, setOver] = useState(false);

  function take(files: Iterable<File>): void {
    for (const file of files) send(file, purpose);
  }
  function drop(event: DragEvent): void {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  }

  return (
    <Stack
      component="section"
      aria-label="Bring a file"
      className={`panel ${classes['drop']}`}
      data-over={isOver || undefined}
      onDragOver={(event: DragEvent) => (event.preventDefault(), setOver(true))}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
      align="center"
      gap="sm"
      p="xl"
      mb="lg"
    >
      <IconUpload size={28} stroke={1.4} aria-hidden />
      <Text fw={600} ta="center">
        Drop files here
      </Text>
      <Group gap="sm" justify="center">
        <FileButton multiple accept=".jsonl,.json,.txt" onChange={take}>
          {(props) => <Button {...props}>Choose files</Button>}
        </FileButton>
        <SegmentedControl
          size="sm"
          data={[...purposes]}
          value={purpose}
          onChange={(value) => setPurpose(value)}
          aria-label="What the files are for"
        />
      </Group>
      <Text size="sm" c="dimmed" ta="center" maw={520}>
        {about[purpose]}
      </Text>
    </Stack>
  );
}
