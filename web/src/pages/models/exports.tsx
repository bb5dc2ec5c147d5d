/** Taking a model along: into llama.cpp, Hugging Face, PEFT or Ollama; what was exported before, with its files. */

import { Button, Checkbox, Group, Radio, SegmentedControl, Stack, Text } from '@mantine/core';
import { useLocation } from '@tanstack/react-router';
import { type FormEvent, type ReactElement, useEffect, useRef, useState } from 'react';
import type { Task } from '../../../../src/domain/task.ts';
import type { ExportTaskResult } from '../../../../src/domain/base-model.ts';
import { type ListOf, openai } from '../../api.ts';
import { useAct, useLive } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { Panel } from '../../parts/panel.tsx';
import { isOver, startTask } from '../../parts/task-progress.tsx';
import { Exported } from './exported.tsx';
import { type Format, formats, type Precision, precisions } from './formats.ts';

export type ExportTask = Task<
  { readonly model: string; readonly format: Format; readonly precision?: Precision; readonly adapter_only?: boolean },
  ExportTaskResult
>;

interface ExportsProps {
  readonly model: string;
  readonly hasAdapter: boolean;
  /** It tells labels apart, and leaves in fewer forms. */
  readonly isEncoder: boolean;
}

export function Exports(props: ExportsProps): ReactElement {
  const { model, isEncoder } = props;
  const tasks = useLive(
    ['tasks', 'export'],
    (signal) => openai.get<ListOf<ExportTask>>('/tasks', { query: { type: 'export', limit: 100 }, signal }),
    { every: (list) => (list?.data.some((task) => !isOver(task)) === true ? 500 : 1000) },
  );
  const place = useRef<HTMLDivElement>(null);
  const { hash } = useLocation();
  useEffect(() => {
    if (hash !== 'export') return undefined;
    // After the page has put the focus on its heading, which scrolls to the top.
    const frame = requestAnimationFrame(() => place.current?.scrollIntoView());
    return () => cancelAnimationFrame(frame);
  }, [hash]);
  const mine = tasks.data?.data.filter(({ request }) => request.model === model) ?? [];
  return (
    <div ref={place} id="export">
      <Panel
        title="Export"
        about={
          isEncoder
            ? 'For other programs and other machines, with a model card, its curves and SHA-256 sums.'
            : 'For other programs and other machines. Each export is loaded again and has to give this model’s answers before it is offered; it comes with a model card, its curves and SHA-256 sums.'
        }
      >
        <Wish {...props} />
        {mine.length > 0 && (
          <Stack gap="md" mt="lg">
            {mine.map((task) => (
              <Exported key={task.id} task={task} />
            ))}
          </Stack>
        )}
      </Panel>
    </div>
  );
}

function Wish({ model, hasAdapter, isEncoder }: ExportsProps): ReactElement {
  const offered = formats.filter(
    ({ needsAdapter, fitsEncoders }) => (hasAdapter || !needsAdapter) && (!isEncoder || fitsEncoders),
  );
  const [format, setFormat] = useState<Format>('gguf');
  const [precision, setPrecision] = useState<Precision>('f16');
  const [adapterOnly, setAdapterOnly] = useState(false);
  const { canBeAdapter, precisions: all } = formats.find(({ name }) => name === format)!;
  const possible = isEncoder ? [] : all;
  const chosen = possible.includes(precision) ? precision : 'f16';
  const begin = useAct(
    () =>
      startTask('export', {
        model,
        format,
        ...(possible.length > 0 && { precision: chosen }),
        ...(hasAdapter && canBeAdapter && adapterOnly && { adapter_only: true }),
      }),
    { changes: [['tasks'], ['fine-tuned-models']] },
  );

  function submit(event: FormEvent): void {
    event.preventDefault();
    begin.mutate();
  }

  return (
    <form onSubmit={submit}>
      <Radio.Group label="For" value={format} onChange={(value) => setFormat(value)}>
        <Stack gap="xs" mt={6}>
          {offered.map(({ name, words, about }) => (
            <Radio key={name} value={name} label={words} description={about} />
          ))}
        </Stack>
      </Radio.Group>
      {hasAdapter && canBeAdapter && (
        <Checkbox
          mt="md"
          label="Only the adapter"
          description={
            format === 'gguf'
              ? 'A small file to put on top of the base model'
              : 'The base as it is, with the adapter beside it'
          }
          checked={adapterOnly}
          onChange={(event) => setAdapterOnly(event.currentTarget.checked)}
        />
      )}
      {possible.length > 0 && (
        <Stack gap={4} mt="md">
          <Text size="sm" fw={500} id="precision">
            Precision
          </Text>
          <SegmentedControl
            aria-labelledby="precision"
            data={precisions.filter(({ value }) => possible.includes(value))}
            value={chosen}
            onChange={(value) => setPrecision(value)}
            style={{ alignSelf: 'flex-start' }}
          />
          <Text size="xs" c="dimmed">
            {precisions.find(({ value }) => value === chosen)!.about}
          </Text>
        </Stack>
      )}
      <Group mt="md">
        <Button type="submit" loading={begin.isPending}>
          Export
        </Button>
      </Group>
      {begin.isError && <Failure error={begin.error} />}
    </form>
  );
}
