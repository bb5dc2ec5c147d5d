/** The hyper-parameters of a job as they were resolved, each with what it does. */

import { Text, Tooltip } from '@mantine/core';
import type { ReactElement } from 'react';
import type { Job } from '../../../../src/domain/job.ts';
import { Facts } from '../../parts/facts.tsx';
import { decimal } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { explanationOf, labelOf, shownValue } from '../../parts/training/hyper-parameters.ts';
import { hyperParametersOf, isOver, methodOf, methodWords } from '../../parts/training/jobs.ts';

export function Settings({ job }: { readonly job: Job }): ReactElement {
  const asked = Object.entries(hyperParametersOf(job)).filter(([, value]) => value !== undefined);
  const isOpen = asked.some(([, value]) => value === 'auto');
  const facts = asked.map(([name, value]) => {
    return [name, typeof value === 'number' ? decimal(value, 6) : value === 'auto' ? (isOver(job) ? 'never chosen' : 'chosen soon') : shownValue(value)] as const; // prettier-ignore
  });
  return (
    <Panel title="Hyper-parameters" about={aboutOf(isOpen, isOver(job))}>
      <Facts
        facts={[
          ['Method', methodWords[methodOf(job)]],
          ...facts.map(([name, value]) => [labelOf(name), <Explained key={name} name={name} value={value} />] as const),
          ['Seed', String(job.seed)],
          ...Object.entries(job.metadata ?? {}).map(([name, value]) => [`Label: ${name}`, value] as const),
        ]}
      />
    </Panel>
  );
}

function aboutOf(isOpen: boolean, isEnded: boolean): string {
  if (!isOpen) return 'As they were used, nothing left open.';
  return isEnded
    ? 'The job ended before the others were chosen.'
    : 'What is still open is chosen when the files have been read.';
}

function Explained({ name, value }: { readonly name: string; readonly value: string }): ReactElement {
  const explanation = explanationOf(name);
  const shown = (
    <Text component="span" size="sm">
      {value}
    </Text>
  );
  if (explanation === null) return shown;
  return (
    <Tooltip label={explanation} multiline maw={320}>
      <Text
        component="span"
        size="sm"
        tabIndex={0}
        style={{ textDecoration: 'underline dotted', textUnderlineOffset: 3 }}
      >
        {value}
        <span className="spoken-only">. {explanation}</span>
      </Text>
    </Tooltip>
  );
}
