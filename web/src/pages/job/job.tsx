/** A job: how far it is, what its curves say, what it has said, what came of it, and what can be done with it. */

import { Box, SimpleGrid } from '@mantine/core';
import { useParams } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import type { Job } from '../../../../src/domain/job.ts';
import { Answered } from '../../parts/answered.tsx';
import { Page } from '../../parts/page.tsx';
import { useCurves } from '../../parts/training/curves.ts';
import { isOver, nameOf, useJob } from '../../parts/training/jobs.ts';
import { JobActions } from './actions.tsx';
import { Checkpoints } from './checkpoints.tsx';
import { CurvesPanel } from './curves-panel.tsx';
import { Events } from './events.tsx';
import { Made } from './made.tsx';
import { Progress } from './progress.tsx';
import { Settings } from './settings.tsx';

const back = { to: '/jobs', words: 'Jobs' };

export function JobPage(): ReactElement {
  const { id } = useParams({ from: '/jobs/$id' });
  const query = useJob(id);
  const job = query.data;
  return (
    <Page
      title={job === undefined ? 'Job' : nameOf(job)}
      back={back}
      {...(job !== undefined && { actions: <JobActions job={job} /> })}
    >
      <Answered query={query}>{(found) => <Inside job={found} />}</Answered>
    </Page>
  );
}

function Inside({ job }: { readonly job: Job }): ReactElement {
  const [curves] = useCurves([job.id], () => !isOver(job));
  const known = curves!.data;
  return (
    <Box>
      <Progress job={job} curves={known} />
      {(known?.steps.length ?? 0) > 0 && <CurvesPanel job={job} curves={known!} />}
      <Checkpoints job={job} />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg" verticalSpacing={0}>
        <Box miw={0}>
          <Events job={job} />
          <Made job={job} />
        </Box>
        <Box miw={0}>
          <Settings job={job} />
        </Box>
      </SimpleGrid>
    </Box>
  );
}
