/** One grader as a form: what it holds against what, and from where an item passes. */

import { ActionIcon, Box, Group, NumberInput, Select, Stack, Text, Textarea, TextInput, Tooltip } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import { useModelNames } from '../../parts/models.ts';
import { kindWords, operations, similarities, type Draft } from './graders.ts';

interface GraderFormProps {
  readonly grader: Draft;
  readonly onChange: (grader: Draft) => void;
  readonly onRemove: () => void;
}

export function GraderForm({ grader, onChange, onRemove }: GraderFormProps): ReactElement {
  const change = (fields: object): void => onChange({ ...grader, ...fields });
  return (
    <Box component="section" className="panel" p="md" aria-label={`Grader ${grader.name}`}>
      <Group justify="space-between" align="flex-start" mb="sm" wrap="nowrap">
        <Box>
          <Text fw={600} className="outside">
            {grader.name}
          </Text>
          <Text size="sm" c="dimmed">
            {kindWords[grader.type]}
          </Text>
        </Box>
        <Tooltip label="Remove">
          <ActionIcon variant="subtle" color="gray" aria-label={`Remove the grader ${grader.name}`} onClick={onRemove}>
            <IconTrash size={16} stroke={1.6} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </Group>
      <Stack gap="sm">
        <TextInput label="Name" value={grader.name} onChange={(event) => change({ name: event.currentTarget.value })} />
        <Fields grader={grader} change={change} />
        {grader.pass_threshold !== undefined && (
          <NumberInput
            label="Passes from"
            description="An item whose score is at least this passes."
            value={grader.pass_threshold}
            step={0.1}
            onChange={(value) => typeof value === 'number' && change({ pass_threshold: value })}
            maw={220}
          />
        )}
      </Stack>
    </Box>
  );
}

interface FieldsProps {
  readonly grader: Draft;
  readonly change: (fields: object) => void;
}

function Fields({ grader, change }: FieldsProps): ReactElement | null {
  const models = useModelNames();
  switch (grader.type) {
    case 'string_check':
      return (
        <>
          <TextInput
            label="What"
            value={grader.input}
            onChange={(event) => change({ input: event.currentTarget.value })}
            classNames={{ input: 'mono' }}
          />
          <Select
            label="Must"
            data={[...operations]}
            value={grader.operation}
            allowDeselect={false}
            onChange={(operation) => change({ operation })}
            maw={280}
          />
          <TextInput
            label="The expected"
            value={grader.reference}
            onChange={(event) => change({ reference: event.currentTarget.value })}
            classNames={{ input: 'mono' }}
          />
        </>
      );
    case 'text_similarity':
      return (
        <>
          <TextInput
            label="What"
            value={grader.input}
            onChange={(event) => change({ input: event.currentTarget.value })}
            classNames={{ input: 'mono' }}
          />
          <TextInput
            label="The expected"
            value={grader.reference}
            onChange={(event) => change({ reference: event.currentTarget.value })}
            classNames={{ input: 'mono' }}
          />
          <Select
            label="Measured by"
            data={[...similarities]}
            value={grader.evaluation_metric}
            allowDeselect={false}
            onChange={(metric) => change({ evaluation_metric: metric })}
            maw={280}
          />
        </>
      );
    case 'score_model': {
      const [message] = grader.input as readonly { readonly role: string; readonly content: unknown }[];
      const [low = 0, high = 1] = grader.range ?? [];
      return (
        <>
          <Select
            label="The judge"
            data={[...models]}
            value={grader.model}
            searchable
            allowDeselect={false}
            onChange={(model) => change({ model })}
          />
          <Textarea
            label="What the judge is asked"
            autosize
            minRows={4}
            maxRows={14}
            value={typeof message?.content === 'string' ? message.content : ''}
            onChange={(event) => change({ input: [{ role: 'user', content: event.currentTarget.value }] })}
          />
          <Group gap="sm">
            <NumberInput
              label="Lowest score"
              value={low}
              w={140}
              onChange={(value) => typeof value === 'number' && change({ range: [value, high] })}
            />
            <NumberInput
              label="Highest score"
              value={high}
              w={140}
              onChange={(value) => typeof value === 'number' && change({ range: [low, value] })}
            />
          </Group>
        </>
      );
    }
    case 'python':
      return (
        <Textarea
          label="The function"
          description="grade(sample, item) gives a number. sample has output_text; item has the fields of the data."
          autosize
          minRows={6}
          maxRows={24}
          spellCheck={false}
          classNames={{ input: 'mono' }}
          value={grader.source}
          onChange={(event) => change({ source: event.currentTarget.value })}
        />
      );
    default:
      return null;
  }
}
