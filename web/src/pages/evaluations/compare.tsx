/** Models side by side on one test: asked for here, listed here. */

import { Button, Checkbox, Group, NumberInput, Stack, TagsInput, Text } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactElement, useState } from 'react';
import type { CompareRequest } from '../../../../src/domain/comparison.ts';
import type { FileObject } from '../../../../src/domain/file.ts';
import type { Task } from '../../../../src/domain/task.ts';
import { fieldOf } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { startTask } from '../../parts/task-progress.tsx';
import { FileChoice, ModelsChoice } from './choices.tsx';
import { several, Undertakings, useFileName } from './undertakings.tsx';

export function Compare(): ReactElement {
  const navigate = useNavigate();
  const nameOf = useFileName();
  // `?models=` of a job's checkpoints.
  const { models: asked } = useSearch({ strict: false }) as Readonly<Record<string, unknown>>;
  const [models, setModels] = useState<readonly string[]>(() => textsIn(asked));
  const [test, setTest] = useState<FileObject | null>(null);
  const [train, setTrain] = useState<FileObject | null>(null);
  const [shots, setShots] = useState<readonly string[]>(['8']);
  const [baselines, setBaselines] = useState(true);
  const [checkpoints, setCheckpoints] = useState(false);
  const [dropLeaks, setDropLeaks] = useState(false);
  const [limit, setLimit] = useState<number | string>('');
  const start = useAct(
    () =>
      startTask('compare', {
        models,
        test_file: test!.id,
        training_file: train?.id ?? null,
        shots: shots.map(Number).filter((count) => Number.isInteger(count) && count > 0),
        baselines,
        checkpoints,
        drop_leaks: dropLeaks,
        limit: typeof limit === 'number' ? limit : null,
      }),
    {
      changes: [['tasks']],
      onDone: ({ id }) => void navigate({ to: '/evaluations/compare/$taskId', params: { taskId: id } }),
    },
  );
  const wrong = fieldOf(start.error);
  return (
    <Page
      title="Compare models"
      back={{ to: '/evaluations', words: 'Evaluations' }}
      about="Fine-tunes, the bases they were made of, the same bases with examples in the prompt, and baselines that need no language model: all on one test, with what each costs, and one sentence on which to use."
    >
      <Panel title="A new comparison">
        <Stack gap="md">
          <ModelsChoice
            label="Models"
            description="The bases of fine-tunes take part by themselves."
            value={models}
            onChange={setModels}
            error={wrong?.startsWith('models') === true ? 'Choose others.' : null}
          />
          <FileChoice
            label="Test"
            description="Chats whose last message is the right answer; better none that a model was trained on."
            purposes={['fine-tune', 'evals']}
            value={test}
            onChange={setTest}
          />
          <FileChoice
            label="Training file (optional)"
            description="Examples are taken from it and baselines learn from it. Without one, that of the first fine-tune."
            purposes={['fine-tune']}
            value={train}
            onChange={setTrain}
            clearable
          />
          <Group gap="lg" align="flex-end">
            <TagsInput
              label="Examples in the prompt"
              description="A contender for each number."
              data={['4', '8', '16']}
              value={[...shots]}
              onChange={setShots}
              w={260}
            />
            <NumberInput
              label="Questions, at most"
              placeholder="all"
              min={1}
              value={limit}
              onChange={setLimit}
              w={180}
            />
          </Group>
          <Stack gap={6}>
            <Checkbox
              label="Also baselines: most common answer, bag of words, nearest neighbour"
              checked={baselines}
              onChange={(event) => setBaselines(event.currentTarget.checked)}
            />
            <Checkbox
              label="Also the checkpoints of the fine-tunes"
              checked={checkpoints}
              onChange={(event) => setCheckpoints(event.currentTarget.checked)}
            />
            <Checkbox
              label="Leave out questions that a training file has as well"
              checked={dropLeaks}
              onChange={(event) => setDropLeaks(event.currentTarget.checked)}
            />
          </Stack>
          {start.isError && <Failure error={start.error} />}
          <Group gap="sm">
            <Button
              disabled={models.length === 0 || test === null}
              loading={start.isPending}
              onClick={() => start.mutate(undefined)}
            >
              Compare
            </Button>
            {(models.length === 0 || test === null) && (
              <Text size="sm" c="dimmed">
                {models.length === 0 ? 'Choose a model.' : 'The test is missing.'}
              </Text>
            )}
          </Group>
        </Stack>
      </Panel>
      <Panel title="Comparisons" flush>
        <Undertakings
          types={['compare']}
          at="/evaluations/compare"
          none="The first one stands here while it runs, and afterwards."
          about={(task: Task) => {
            const { models: asked, test_file: of } = task.request as CompareRequest;
            return `${several(asked)} on ${nameOf(of)}`;
          }}
        />
      </Panel>
    </Page>
  );
}

const textsIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
