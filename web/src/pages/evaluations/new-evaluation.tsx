/** A new evaluation: what it is of, and the graders that judge each answer. */

import { Badge, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type ReactElement, useState } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';
import { fieldOf, openai } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { counted } from '../../parts/numbers.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { FileChoice } from './choices.tsx';
import { useModelNames } from '../../parts/models.ts';
import { GraderForm } from './grader-form.tsx';
import { starters, type Draft, type Starter } from './graders.ts';
import { bytesMax, contentOf, type Items, itemsFile, readItems, sendItems } from './items.ts';

interface Chosen {
  readonly file: FileObject;
  readonly items: Items;
}

type Numbered = { readonly id: number; readonly grader: Draft };

export function NewEvaluation(): ReactElement {
  const navigate = useNavigate();
  const models = useModelNames();
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [graders, setGraders] = useState<readonly Numbered[]>([]);
  const [next, setNext] = useState(1);

  const choose = useAct(
    async (file: FileObject | File): Promise<Chosen> => {
      if (!(file instanceof File)) return { file, items: readItems(await contentOf(file)) };
      if (file.size > bytesMax) throw new Error(`${file.name} is larger than 64 MB; upload it on the page of files.`);
      const text = await file.text();
      const items = readItems(text);
      return { file: await sendItems(file.name, items.converted ?? text), items: { ...items, converted: null } };
    },
    {
      changes: [['files']],
      onDone: (found) => {
        setChosen(found);
        if (name === '') setName(found.file.filename.replace(/\.(items\.)?jsonl?$/, ''));
        if (graders.length === 0) add(starters[0]!, found.items);
      },
    },
  );

  const create = useAct(
    async () => {
      const { file, items } = chosen!;
      const data = await itemsFile(file, items);
      const made = await openai.evals.create({
        name,
        data_source_config: { type: 'custom', item_schema: items.schema, include_sample_schema: true },
        testing_criteria: graders.map(({ grader }) => grader) as never,
        metadata: { data_file: data.id },
      });
      return made.id;
    },
    { changes: [['evals']], onDone: (evalId) => void navigate({ to: '/evaluations/$evalId', params: { evalId } }) },
  );

  function add(starter: Starter, items = chosen?.items): void {
    if (items === undefined) return;
    const { answer, fields, example } = items;
    const simple = fields.filter((field) => typeof example[field] !== 'object');
    const made = starter.make({
      answer,
      judge: models.find((model) => !model.startsWith('ft:')) ?? models[0] ?? '',
      fields: simple.length > 0 ? simple : fields,
    });
    setGraders((before) => [...before, ...made.map((grader, i) => ({ id: next + i, grader }))]);
    setNext(next + made.length);
  }

  const field = fieldOf(create.error);
  const ready = chosen !== null && graders.length > 0 && name.trim() !== '';
  return (
    <Page
      title="New evaluation"
      back={{ to: '/evaluations', words: 'Evaluations' }}
      about="Questions with right answers, and graders that judge what a model says to them. Made once, it can be run on as many models as you like."
    >
      <Panel
        title="1. The questions"
        about='A file with one item a line: chats whose last message is the right answer, or objects such as {"question": …, "answer": …}.'
      >
        <FileChoice
          label="Data"
          purposes={['evals', 'fine-tune']}
          value={chosen?.file ?? null}
          onChange={(file) => file !== null && choose.mutate(file)}
          onLocal={(file) => choose.mutate(file)}
        />
        {choose.isError && <Failure error={choose.error} />}
        <div aria-live="polite">{chosen !== null && <Look items={chosen.items} />}</div>
      </Panel>
      <Panel title="2. The graders" about="An item passes when it passes all of them.">
        <Stack gap="md">
          {graders.map(({ id, grader }) => (
            <GraderForm
              key={id}
              grader={grader}
              onChange={(changed) =>
                setGraders((all) => all.map((each) => (each.id === id ? { id, grader: changed } : each)))
              }
              onRemove={() => setGraders((all) => all.filter((each) => each.id !== id))}
            />
          ))}
          {chosen === null ? (
            <Text size="sm" c="dimmed">
              Choose the data first: graders name its fields.
            </Text>
          ) : (
            <Stack
              gap={6}
              component="ul"
              style={{ listStyle: 'none', padding: 0, margin: 0 }}
              aria-label="Graders to add"
            >
              {starters.map((starter) => (
                <Group key={starter.words} component="li" gap="sm" wrap="nowrap" align="baseline">
                  <Button
                    size="compact-sm"
                    variant="default"
                    onClick={() => add(starter)}
                    aria-label={`Add a grader: ${starter.words}`}
                    style={{ flex: '0 0 9rem' }}
                  >
                    {starter.words}
                  </Button>
                  <Text size="sm" c="dimmed">
                    {starter.about}
                  </Text>
                </Group>
              ))}
            </Stack>
          )}
        </Stack>
      </Panel>
      <Panel title="3. Its name">
        <Stack gap="md">
          <TextInput
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            maw={480}
            error={field === 'name' ? true : undefined}
          />
          {create.isError && <Failure error={create.error} />}
          <Group>
            <Button disabled={!ready} loading={create.isPending} onClick={() => create.mutate(undefined)}>
              Create
            </Button>
            {!ready && (
              <Text size="sm" c="dimmed">
                {chosen === null
                  ? 'The data is missing.'
                  : graders.length === 0
                    ? 'A grader is missing.'
                    : 'A name is missing.'}
              </Text>
            )}
          </Group>
        </Stack>
      </Panel>
    </Page>
  );
}

function Look({ items: { count, fields, example, hasAnswers } }: { readonly items: Items }): ReactElement {
  return (
    <Stack gap={6} mt="md">
      <Text size="sm">
        {counted(count, 'item')}
        {hasAnswers && ', each with an answer to be judged'}. Fields that graders and prompts can name:
      </Text>
      <Group gap={6}>
        {fields.map((field) => (
          <Badge key={field} variant="default" tt="none" fw={500} className="mono" maw="100%">
            {`{{item.${field}}}`}
          </Badge>
        ))}
      </Group>
      <Text size="xs" c="dimmed" className="outside mono" lineClamp={6}>
        {JSON.stringify(example, null, 1)}
      </Text>
    </Stack>
  );
}
