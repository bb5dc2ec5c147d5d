/** Sweeps and learning curves: asked for here, listed here. */

import { SegmentedControl } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type ReactElement, useState } from 'react';
import type { LearningCurveRequest, SweepRequest } from '../../../../src/domain/sweep.ts';
import type { Task } from '../../../../src/domain/task.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { NewCurve, NewSweep } from './new-sweep.tsx';
import { several, Undertakings, useFileName } from './undertakings.tsx';

export function Sweeps(): ReactElement {
  const navigate = useNavigate();
  const nameOf = useFileName();
  const [kind, setKind] = useState('sweep');
  const show = (task: Task): void => void navigate({ to: '/evaluations/sweeps/$taskId', params: { taskId: task.id } });
  return (
    <Page
      title="Sweeps and learning curves"
      back={{ to: '/evaluations', words: 'Evaluations' }}
      about="A sweep finds good hyper-parameters: many short trainings on little data, few long ones on all of it. A learning curve tells whether more data would help: the same training on growing parts of it. Both train through the queue of jobs, like any others."
    >
      <Panel
        title="A new one"
        actions={
          <SegmentedControl
            size="xs"
            aria-label="What to find out"
            value={kind}
            onChange={setKind}
            data={[
              { value: 'sweep', label: 'Sweep' },
              { value: 'curve', label: 'Learning curve' },
            ]}
          />
        }
      >
        {kind === 'sweep' ? <NewSweep onStarted={show} /> : <NewCurve onStarted={show} />}
      </Panel>
      <Panel title="So far" flush>
        <Undertakings
          types={['sweep', 'learning_curve']}
          at="/evaluations/sweeps"
          none="The first one stands here while it runs, and afterwards."
          about={(task) => {
            if (task.type === 'learning_curve') {
              const { model, training_file: file } = task.request as LearningCurveRequest;
              return `Learning curve of ${model} on ${nameOf(file)}`;
            }
            const { models, training_file: file, hyperparameters } = task.request as SweepRequest;
            return `Sweep of ${several(tried(hyperparameters))} for ${several(models)} on ${nameOf(file)}`;
          }}
        />
      </Panel>
    </Page>
  );
}

/** Those that were given more than one value. */
const tried = (hyperparameters: SweepRequest['hyperparameters']): string[] =>
  Object.entries(hyperparameters)
    .filter(([, values]) => !Array.isArray(values) || values.length > 1)
    .map(([name]) => name.replaceAll('_', ' '));
