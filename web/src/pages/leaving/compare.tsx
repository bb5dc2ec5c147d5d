/** The last step: a model of this machine is held against recorded answers. */

import { Button, Group, NumberInput, Select, Stack } from '@mantine/core';
import { type FormEvent, type ReactElement, useState } from 'react';
import type { OpenAICaptureDetails, ParityResult } from '../../../../src/domain/openai-capture.ts';
import { fieldOf, sentenceOf } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { Panel } from '../../parts/panel.tsx';
import { startTask, TaskProgress } from '../../parts/task-progress.tsx';
import { useModelNames } from '../../parts/models.ts';
import { isBusy, useNewest } from './captures.ts';
import { ParityReport } from './parity-report.tsx';

export function Compare({ capture }: { readonly capture: OpenAICaptureDetails }): ReactElement {
  const models = useModelNames();
  const recordings = capture.recordings.filter(({ answered }) => answered > 0);
  const [recording, setRecording] = useState<string | null>(recordings[0]?.id ?? null);
  const [model, setModel] = useState<string | null>(null);
  const [watts, setWatts] = useState<number | null>(null);
  const task = useNewest('openai_parity', capture.id);
  const begin = useAct(
    () => startTask('openai_parity', { capture: capture.id, recording, model, ...(watts !== null && { watts }) }),
    { changes: [['tasks', 'openai_parity']] },
  );
  const isAbout = begin.isError ? fieldOf(begin.error) : null;

  function submit(event: FormEvent): void {
    event.preventDefault();
    begin.mutate(undefined);
  }

  return (
    <Panel
      title="4. Compare"
      about="Your model here answers the recorded questions under the same limits. You see how often both say the same, how good each is by the right answers, and what each costs."
    >
      {isBusy(task) ? (
        <TaskProgress task={task!} label="Comparing" />
      ) : (
        <form onSubmit={submit}>
          <Stack gap="md">
            {task !== null && task.status !== 'succeeded' && <TaskProgress task={task} label="The last attempt" />}
            <Select
              label="Recorded answers"
              placeholder={recordings.length === 0 ? 'None yet: record some first' : 'Choose'}
              data={recordings.map((each) => ({ value: each.id, label: `${each.model} (${each.answered} answers)` }))}
              value={recording}
              onChange={setRecording}
              error={isAbout === 'recording' ? sentenceOf(begin.error) : undefined}
              maw={560}
            />
            <Select
              label="Model here"
              data={[...models]}
              limit={50}
              value={model}
              onChange={setModel}
              searchable
              error={isAbout === 'model' ? sentenceOf(begin.error) : undefined}
              maw={560}
            />
            <NumberInput
              label="What this machine draws, in watts"
              description="For the cost of energy; may stay empty."
              min={1}
              max={100_000}
              value={watts ?? ''}
              onChange={(value) => setWatts(typeof value === 'number' ? value : null)}
              maw={280}
            />
            {begin.isError && isAbout !== 'recording' && isAbout !== 'model' && <Failure error={begin.error} />}
            <Group>
              <Button type="submit" loading={begin.isPending} disabled={recording === null || model === null}>
                Compare
              </Button>
            </Group>
          </Stack>
        </form>
      )}
      {task?.status === 'succeeded' && <ParityReport task={task.id} result={task.result as ParityResult} />}
    </Panel>
  );
}
