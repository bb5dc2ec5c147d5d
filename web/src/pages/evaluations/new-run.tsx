/** A run on one model or several: what each is asked about an item, and how freely it answers. */

import { Button, Checkbox, Group, NumberInput, Radio, Stack, Text, Textarea } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type ReactElement, useState } from 'react';
import type { Eval } from '../../../../src/domain/eval.ts';
import type { FileObject } from '../../../../src/domain/file.ts';
import { openai } from '../../api.ts';
import { useAct, useOnce } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { Panel } from '../../parts/panel.tsx';
import { FileChoice, ModelsChoice } from './choices.tsx';

type Way = 'messages' | 'prompt' | 'given';

export function NewRun({ evaluation }: { readonly evaluation: Eval }): ReactElement {
  const { id, metadata, data_source_config: config } = evaluation;
  const navigate = useNavigate();
  const fields = fieldsOf(config);
  const usual = metadata?.['data_file'];
  const given = useOnce(['file', usual], () => openai.files.retrieve(usual!) as Promise<FileObject>, {
    enabled: usual !== undefined,
  });
  const [chosen, setFile] = useState<FileObject | null>(null);
  const file = chosen ?? given.data ?? null;
  const [models, setModels] = useState<readonly string[]>([]);
  const [way, setWay] = useState<Way>(fields.includes('messages') ? 'messages' : 'prompt');
  const asked = fields.find((field) => field !== 'messages') ?? 'question';
  const [prompt, setPrompt] = useState(`{{item.${asked}}}`);
  const [system, setSystem] = useState('');
  const [tokens, setTokens] = useState<number | string>('');
  const [isFree, setFree] = useState(false);

  const start = useAct(
    async () => {
      const runs = [];
      for (const model of way === 'given' ? [null] : models)
        runs.push(await openai.evals.runs.create(id, { data_source: sourceFor(model) } as never));
      return runs;
    },
    {
      changes: [['evals', id]],
      onDone: (runs) => {
        if (runs.length === 1)
          void navigate({ to: '/evaluations/$evalId/runs/$runId', params: { evalId: id, runId: runs[0]!.id } });
      },
    },
  );

  function sourceFor(model: string | null): object {
    const source = { type: 'file_id', id: file!.id };
    if (model === null) return { type: 'jsonl', source };
    const template = [
      ...(system.trim() === '' ? [] : [{ role: 'system', content: system }]),
      { role: 'user', content: prompt },
    ];
    return {
      type: 'completions',
      source,
      model,
      input_messages:
        way === 'messages'
          ? { type: 'item_reference', item_reference: 'item.messages' }
          : { type: 'template', template },
      sampling_params: {
        temperature: isFree ? 1 : 0,
        ...(typeof tokens === 'number' && { max_completion_tokens: tokens }),
      },
    };
  }

  const ready = file !== null && (way === 'given' || models.length > 0);
  return (
    <Panel title="Run it" about="On several models at once, to see them beside each other.">
      <Stack gap="md">
        {way !== 'given' && <ModelsChoice label="Models" value={models} onChange={setModels} />}
        <Radio.Group label="What a model is asked" value={way} onChange={(value) => setWay(value)}>
          <Stack gap={6} mt={6}>
            {fields.includes('messages') && <Radio value="messages" label="The conversation that the item holds" />}
            <Radio value="prompt" label="A prompt, with the item’s fields in it" />
            <Radio value="given" label="Nothing: judge the answers that are in the file already" />
          </Stack>
        </Radio.Group>
        {way === 'prompt' && (
          <>
            <Textarea
              label="Instructions"
              description="Told before each question; may stay empty."
              autosize
              minRows={1}
              maxRows={8}
              value={system}
              onChange={(event) => setSystem(event.currentTarget.value)}
            />
            <Textarea
              label="Prompt"
              description={`May name ${fields.map((field) => `{{item.${field}}}`).join(', ') || 'the fields of an item'}.`}
              autosize
              minRows={2}
              maxRows={12}
              value={prompt}
              onChange={(event) => setPrompt(event.currentTarget.value)}
            />
          </>
        )}
        {way !== 'given' && (
          <Group gap="lg" align="flex-end">
            <NumberInput
              label="Tokens of an answer, at most"
              placeholder="as many as there is room for"
              min={1}
              value={tokens}
              onChange={setTokens}
              w={260}
            />
            <Checkbox
              label="Let it choose its words freely (temperature 1)"
              checked={isFree}
              onChange={(event) => setFree(event.currentTarget.checked)}
            />
          </Group>
        )}
        <FileChoice label="Items" purposes={['evals']} value={file} onChange={setFile} />
        {start.isError && <Failure error={start.error} />}
        <Group gap="sm">
          <Button disabled={!ready} loading={start.isPending} onClick={() => start.mutate(undefined)}>
            {models.length > 1 && way !== 'given' ? `Run on ${models.length} models` : 'Run'}
          </Button>
          {!ready && (
            <Text size="sm" c="dimmed">
              {file === null ? 'The items are missing.' : 'Choose a model.'}
            </Text>
          )}
        </Group>
      </Stack>
    </Panel>
  );
}

function fieldsOf(config: Eval['data_source_config']): string[] {
  const { schema } = config as { schema?: { properties?: { item?: { properties?: object } } } };
  return Object.keys(schema?.properties?.item?.properties ?? {});
}
