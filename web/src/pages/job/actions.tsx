/** What can be done with a whole job: pause, resume, cancel; when it is over, try its model or train again with changes. */

import { Button } from '@mantine/core';
import type { ReactElement } from 'react';
import type { Job } from '../../../../src/domain/job.ts';
import { openai } from '../../api.ts';
import { Failure } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { useAct } from '../../live.ts';
import { isOver } from '../../parts/training/jobs.ts';
import { PageButton } from '../../parts/links.tsx';

export function JobActions({ job }: { readonly job: Job }): ReactElement {
  const changes = [['job', job.id], ['jobs']];
  const act = useAct((verb: 'pause' | 'resume' | 'cancel') => openai.post(`/fine_tuning/jobs/${job.id}/${verb}`), {
    changes,
  });
  return (
    <>
      {act.isError && <Failure error={act.error} />}
      {job.status === 'running' && (
        <Button variant="default" size="xs" loading={act.isPending} onClick={() => act.mutate('pause')}>
          Pause
        </Button>
      )}
      {job.status === 'paused' && (
        <Button variant="default" size="xs" loading={act.isPending} onClick={() => act.mutate('resume')}>
          Resume
        </Button>
      )}
      {!isOver(job) && (
        <AskFirst
          words="Cancel"
          question="Cancel this job?"
          consequences="Training stops, and what it has learnt so far is not kept. To go on later, pause it instead."
          verb="Cancel the job"
          onSure={() => act.mutateAsync('cancel')}
        />
      )}
      <PageButton to="/jobs/new" search={{ from: job.id }} variant="default" size="xs">
        Train again with changes
      </PageButton>
      {job.fine_tuned_model !== null && (
        <PageButton to="/playground" search={{ model: job.fine_tuned_model }} size="xs">
          Try the model
        </PageButton>
      )}
    </>
  );
}
