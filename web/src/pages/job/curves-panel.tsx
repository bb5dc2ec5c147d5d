/**
 * A job's curves, zoomed and smoothed together: loss, accuracy, learning rate, and on demand what else was measured.
 * The best checkpoint and an early stop are marked; other jobs can be drawn into the same pictures.
 */

import { Box, Button, Group, MultiSelect, SimpleGrid, Slider, Switch, Text, Title } from '@mantine/core';
import { type ReactElement, useMemo, useState } from 'react';
import type { MetricColumn } from '../../../../src/domain/job-metrics.ts';
import type { Job } from '../../../../src/domain/job.ts';
import { Chart } from '../../parts/chart/chart.tsx';
import { type Curve, overOneAxis } from '../../parts/chart/line.ts';
import { View } from '../../parts/chart/view.ts';
import { Panel } from '../../parts/panel.tsx';
import { type Curves, useCurves } from '../../parts/training/curves.ts';
import { isOver, nameOf, useJobs } from '../../parts/training/jobs.ts';
import { placesOf } from './places.ts';

interface Picture {
  readonly title: string;
  readonly yName: string;
  readonly parts: readonly (readonly [column: MetricColumn, words: string])[];
  /** What a measured number is multiplied with to be shown. */
  readonly times?: number;
  readonly exact?: boolean;
  readonly marked?: boolean;
  readonly more?: boolean;
}

const pictures: readonly Picture[] = [
  {
    title: 'Loss',
    yName: 'Loss (nats per token)',
    parts: [
      ['train_loss', 'Training'],
      ['valid_loss', 'Validation, a few examples'],
      ['full_valid_loss', 'Validation, all examples'],
    ],
    marked: true,
  },
  {
    title: 'Accuracy',
    yName: 'Right (%)',
    times: 100,
    parts: [
      ['train_mean_token_accuracy', 'Training tokens'],
      ['valid_mean_token_accuracy', 'Validation tokens, a few examples'],
      ['full_valid_mean_token_accuracy', 'Validation tokens, all examples'],
      ['full_valid_exact_answers', 'Whole answers, validation'],
      ['train_preference_accuracy', 'Pairs, training'],
      ['full_valid_preference_accuracy', 'Pairs, validation'],
    ],
  },
  { title: 'Learning rate', yName: 'Learning rate', parts: [['learning_rate', 'Learning rate']], exact: true },
  {
    title: 'Reward margin',
    yName: 'Margin (nats)',
    parts: [
      ['train_reward_margin', 'Training'],
      ['full_valid_reward_margin', 'Validation'],
    ],
  },
  { title: 'Gradient', yName: 'Length of the gradient', parts: [['grad_norm', 'Gradient']], more: true },
  { title: 'Speed', yName: 'Tokens per second', parts: [['tokens_per_second', 'Speed']], more: true },
];

const comparedMax = 5;
const smoothingFrom = 60;

export function CurvesPanel({ job, curves }: { readonly job: Job; readonly curves: Curves }): ReactElement {
  const [smoothing, setSmoothing] = useState<number | null>(null);
  const [log, setLog] = useState(false);
  const [more, setMore] = useState(false);
  const [view] = useState(() => new View());
  const [others, setOthers] = useState<string[]>([]);
  const jobs = useJobs(100, 10_000).data?.data ?? [];
  const compared = others.map((id) => jobs.find((each) => each.id === id)).filter((each) => each !== undefined);
  const found = useCurves(others, (id) => compared.some((each) => each.id === id && !isOver(each)));
  const strength = smoothing ?? (curves.steps.length >= smoothingFrom ? 0.6 : 0);
  const markers = useMemo(() => placesOf(job, curves), [job, curves]);
  const known = found.map(({ data }) => data);
  const lengths = known.map((each) => each?.steps.length).join();
  const drawn = useMemo(() => {
    const all = [{ job, curves }, ...compared.map((each, i) => ({ job: each, curves: known[i] }))];
    return pictures.map((picture) => ({ picture, ...overOneAxis(curvesOf(picture, all)) }));
  }, [job, curves, others.join(), jobs.length, lengths]);
  const shown = drawn.filter(({ picture, lines }) => lines.length > 0 && (more || picture.more !== true));

  return (
    <Panel
      title="Curves"
      about="Drag over a picture to look closer; a double click shows all of it again."
      actions={
        <Button variant="default" size="compact-sm" onClick={() => setMore(!more)} aria-pressed={more}>
          {more ? 'Fewer curves' : 'More curves'}
        </Button>
      }
    >
      <Group align="flex-end" gap="lg" mb="lg">
        <Box w={{ base: '100%', xs: 200 }}>
          <Text size="sm" mb={4} id="smoothing">
            Smoothing
          </Text>
          <Slider
            value={strength}
            onChange={setSmoothing}
            min={0}
            max={0.99}
            step={0.01}
            label={(value) => (value === 0 ? 'none' : value.toFixed(2))}
            thumbProps={{ 'aria-labelledby': 'smoothing' }}
          />
        </Box>
        <Switch label="Logarithmic" checked={log} onChange={({ currentTarget }) => setLog(currentTarget.checked)} />
        <MultiSelect
          label="Compare with other jobs"
          placeholder={others.length === 0 ? 'Choose jobs' : ''}
          data={jobs
            .filter(({ id, status }) => id !== job.id && !['validating_files', 'queued'].includes(status))
            .map((each) => ({
              value: each.id,
              label: nameOf(each) === each.id ? each.id : `${nameOf(each)} · ${each.id}`,
            }))}
          value={others}
          onChange={setOthers}
          maxValues={comparedMax}
          searchable
          clearable
          clearButtonProps={{ 'aria-label': 'Compare with none' }}
          nothingFoundMessage="No other job has trained yet"
          style={{ flex: '1 1 16rem' }}
          size="sm"
        />
      </Group>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="xl" verticalSpacing="xl">
        {shown.map(({ picture, xs, lines }) => (
          <Box key={picture.title} miw={0} style={picture.title === 'Loss' ? { gridColumn: '1 / -1' } : {}}>
            <Title order={3} mb={6}>
              {picture.title}
            </Title>
            <Chart
              label={`${picture.title} of ${nameOf(job)}`}
              xs={xs}
              xName="Step"
              lines={lines}
              yName={picture.yName}
              log={log}
              height={picture.title === 'Loss' ? 320 : 240}
              smoothing={strength}
              {...(picture.marked === true && { markers })}
              view={view}
              sync={job.id}
            />
          </Box>
        ))}
      </SimpleGrid>
    </Panel>
  );
}

interface Drawn {
  readonly job: Job;
  readonly curves: Curves | undefined;
}

function curvesOf({ parts, times = 1, exact = false }: Picture, all: readonly Drawn[]): Curve[] {
  const names = namesOf(all.map(({ job }) => job));
  return all.flatMap(({ curves }, i) => {
    if (curves === undefined) return [];
    return parts.flatMap(([column, words]): Curve[] => {
      const ys = curves.columns[column];
      if (ys === undefined) return [];
      const name = all.length === 1 ? words : `${names[i]}: ${words}`;
      const scaled = times === 1 ? ys : ys.map((y) => (y === null ? null : y * times));
      // What was measured over many examples is not noisy, and far apart.
      return [{ name, xs: curves.steps, ys: scaled, exact: exact || column.includes('valid') }];
    });
  });
}

/** Two jobs of one name are told apart by the ends of their ids. */
function namesOf(jobs: readonly Job[]): string[] {
  const names = jobs.map(nameOf);
  return names.map((name, i) =>
    names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} ${jobs[i]!.id.slice(-4)}`,
  );
}
