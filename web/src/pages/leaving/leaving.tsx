/** Leaving OpenAI: in four steps, in the order of their urgency. */

import { SegmentedControl } from '@mantine/core';
import { type ReactElement, useEffect, useState } from 'react';
import type { OpenAICaptureDetails, OpenAICaptures } from '../../../../src/domain/openai-capture.ts';
import { Answered } from '../../parts/answered.tsx';
import { Page } from '../../parts/page.tsx';
import { isBusy, useCapture, useCaptures, useNewest, usualName } from './captures.ts';
import { Compare } from './compare.tsx';
import { Endings } from './endings.tsx';
import { Record } from './record.tsx';
import { Restore } from './restore.tsx';
import { Take } from './take.tsx';
import { Taken } from './taken.tsx';

export function Leaving(): ReactElement {
  const captures = useCaptures();
  return (
    <Page
      title="Leaving OpenAI"
      about="Fine-tuning at OpenAI is ending, and weights cannot be taken along. Everything else can: data, jobs with their settings, evals, and what your models answer while they still do."
    >
      <Answered query={captures}>{(list) => <Steps list={list} />}</Answered>
    </Page>
  );
}

function Steps({ list }: { readonly list: OpenAICaptures }): ReactElement {
  const names = list.data.map(({ id }) => id);
  const [wanted, want] = useState<string | null>(null);
  const name = wanted ?? (names.includes(usualName) ? usualName : (names[0] ?? usualName));
  const summary = list.data.find(({ id }) => id === name);
  return (
    <>
      {names.length > 1 && (
        <SegmentedControl data={names} value={name} onChange={want} mb="lg" aria-label="What was taken, by name" />
      )}
      {summary === undefined && <Endings windDown={list.wind_down} models={[]} />}
      <Take key={name} capture={name} from={summary?.base_url ?? null} onBegun={want} />
      {summary !== undefined && <Captured key={`${name} taken`} name={name} />}
    </>
  );
}

function Captured({ name }: { readonly name: string }): ReactElement {
  const tasks = [
    useNewest('openai_capture', name),
    useNewest('openai_record', name),
    useNewest('openai_restore', name),
  ];
  const busy = tasks.some(isBusy);
  const capture = useCapture(name, busy);
  const { refetch } = capture;
  // What ended a moment ago has changed it.
  useEffect(() => void refetch(), [busy, refetch]);
  return (
    <Answered query={capture}>
      {(found: OpenAICaptureDetails) => (
        <>
          <Taken capture={found} isBusy={busy} />
          <Endings windDown={found.wind_down} models={found.models} />
          <Record capture={found} />
          <Restore capture={found} />
          <Compare capture={found} />
        </>
      )}
    </Answered>
  );
}
