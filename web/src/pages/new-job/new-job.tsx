/**
 * A new job, thought about: what to teach, from what, how; beside it, live, what that will take, and the same as code.
 *
 * Nothing but the training file must be chosen. `?from=` begins with an earlier job's settings, `?model=` and
 * `?training_file=` with a model or a file.
 */

import { Box, Grid } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactElement, useEffect, useMemo, useState } from 'react';
import type { JobEstimate } from '../../../../src/domain/estimate.ts';
import type { Job } from '../../../../src/domain/job.ts';
import { fieldOf, openai, sentenceOf } from '../../api.ts';
import { useAct, useLive, useOnce } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { Code } from '../../parts/code.tsx';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { nameOf } from '../../parts/training/jobs.ts';
import { codeSamples } from './code-samples.ts';
import { DataChoice } from './data-choice.tsx';
import { bodyOf, type Draft, draftOf, emptyDraft } from './draft.ts';
import { EstimatePanel } from './estimate-panel.tsx';
import { ModelChoice } from './model-choice.tsx';
import { SettingsForm } from './settings-form.tsx';
import { Way } from './way.tsx';

interface Search {
  readonly from?: string;
  readonly model?: string;
  readonly training_file?: string;
  readonly validation_file?: string;
}

const back = { to: '/jobs', words: 'Jobs' };
const thinkingMs = 300;

export function NewJob(): ReactElement {
  const { from, model, training_file: file, validation_file: validation }: Search = useSearch({ strict: false });
  const earlier = useOnce(['job', from], (signal) => openai.get<Job>(`/fine_tuning/jobs/${from}`, { signal }), {
    enabled: from !== undefined,
  });
  const [draft, setDraft] = useState<Draft>({
    ...emptyDraft,
    model: model ?? null,
    trainingFile: file ?? null,
    validationFile: validation ?? null,
  });
  const copied = earlier.data;
  useEffect(() => {
    if (copied !== undefined) setDraft(draftOf(copied));
  }, [copied?.id]);
  const change = (part: Partial<Draft>): void => setDraft((before) => ({ ...before, ...part }));

  const asked = useMemo(() => bodyOf(draft), [draft]);
  const [settled] = useDebouncedValue(asked, thinkingMs);
  const estimate = useLive(
    ['estimate', settled],
    (signal) => openai.post<JobEstimate>('/fine_tuning/estimates', { body: settled as object, signal }),
    // OpenAI's tokens are counted a moment longer than ours.
    { enabled: settled !== null, keepsPrevious: true, every: (known) => (known?.openai === null ? 1000 : false) },
  );
  const told = estimate.isError ? undefined : estimate.data;
  const wrongField = estimate.isError ? (fieldOf(estimate.error)?.split('.').at(-1) ?? null) : null;
  const wrong = estimate.isError && wrongField !== null ? { field: wrongField, message: sentenceOf(estimate.error) } : null; // prettier-ignore

  const body = bodyOf(draft, told?.model ?? null);
  const navigate = useNavigate();
  const create = useAct((): Promise<Job> => openai.post<Job>('/fine_tuning/jobs', { body: body as object }), {
    changes: [['jobs']],
    onDone: ({ id }) => void navigate({ to: '/jobs/$id', params: { id } }),
  });

  return (
    <Page
      title={copied === undefined ? 'New job' : `Train again: ${nameOf(copied)}`}
      about="Choose a file of examples; everything else has a good default."
      back={back}
    >
      {earlier.isError && <Failure error={earlier.error} />}
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <DataChoice draft={draft} onChange={change} wrong={wrong} />
          <ModelChoice draft={draft} onChange={change} estimate={told} />
          <Way draft={draft} onChange={change} wrong={wrong} />
          <SettingsForm draft={draft} onChange={change} estimate={told} wrong={wrong} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Box style={{ position: 'sticky', top: 'var(--mantine-spacing-md)' }}>
            <EstimatePanel
              estimate={told}
              error={estimate.isError ? estimate.error : null}
              isCounting={estimate.isFetching && (told === undefined || settled !== asked)}
              hasFile={draft.trainingFile !== null}
              trainingFile={draft.trainingFile}
              onStart={() => create.mutate(undefined)}
              isStarting={create.isPending}
            />
            {create.isError && <Failure error={create.error} />}
            {body !== null && (
              <Panel title="The same as code">
                <Code label="This job as code" versions={codeSamples(body, location.origin)} />
              </Panel>
            )}
          </Box>
        </Grid.Col>
      </Grid>
    </Page>
  );
}
