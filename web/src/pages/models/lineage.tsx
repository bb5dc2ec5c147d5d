/** Data → job → model → what became of it, as four places with arrows between them; one below the other on a phone. */

import { Anchor, Text } from '@mantine/core';
import type { ReactElement, ReactNode } from 'react';
import type { Lineage } from '../../../../src/domain/lineage.ts';
import { bytes, count, fromNow, moment } from '../../parts/numbers.ts';
import { Status } from '../../parts/status.tsx';
import { shortName } from './figures.ts';
import { Hash } from './hash.tsx';
import classes from './lineage.module.css';
import { ModelLink } from './model-link.tsx';
import { PageLink } from '../../parts/links.tsx';

const methods: Readonly<Record<string, string>> = {
  supervised: 'Learnt from examples',
  dpo: 'Learnt from preferences',
  reinforcement: 'Learnt from grades',
};

export function LineagePicture({ lineage }: { readonly lineage: Lineage }): ReactElement {
  const { model, data, parent, job, siblings, children, evals, exports } = lineage;
  return (
    <ol className={classes['stages']} aria-label="Lineage">
      <Stage name="Data and base">
        {data.map(({ role, id, filename, bytes: size, sha256 }) => (
          <Thing key={role} what={role === 'training' ? 'Training data' : 'Validation data'}>
            {filename === null ? (
              <Text size="sm" className="outside">
                {id}, which was deleted
              </Text>
            ) : (
              <>
                <PageLink to="/files/$id" params={{ id }} size="sm" className="outside">
                  {filename}
                </PageLink>
                <Text size="xs" c="dimmed">
                  {size === null ? '' : bytes(size)}
                </Text>
              </>
            )}
            {sha256 !== null && <Hash of={`the ${role} data`} sha256={sha256} short />}
          </Thing>
        ))}
        <Thing what={parent.is_base ? 'Base model' : 'Went on from'}>
          <ModelLink id={parent.id} />
        </Thing>
      </Stage>
      <Stage name="Job">
        {job === null ? (
          <Text size="sm" c="dimmed">
            Of another project.
          </Text>
        ) : (
          <>
            <Thing what={methods[job.method] ?? job.method}>
              <PageLink to="/jobs/$id" params={{ id: job.id }} size="sm" className="outside">
                {job.id}
              </PageLink>
            </Thing>
            <Text size="xs" c="dimmed" className="figures">
              {job.trained_tokens === null ? '' : `${count(job.trained_tokens)} tokens, `}
              {fromNow(job.finished_at ?? job.created_at)}
            </Text>
          </>
        )}
      </Stage>
      <Stage name="Model">
        <Thing what={model.step === null ? 'This model' : `This model, step ${count(model.step)}`}>
          <Text size="sm" fw={500} className="outside" title={model.id}>
            {shortName(model.id)}
          </Text>
        </Thing>
        {siblings.length > 1 && (
          <Thing what="Of the same job">
            {siblings
              .filter(({ id }) => id !== model.id)
              .map(({ id, step }) => (
                <div key={id}>
                  <ModelLink id={id} words={step === null ? shortName(id) : `Step ${count(step)}`} />
                </div>
              ))}
          </Thing>
        )}
      </Stage>
      <Stage name="What became of it">
        {evals.length === 0 && exports.length === 0 && children.length === 0 && (
          <Text size="sm" c="dimmed">
            No evaluation has asked it yet.
          </Text>
        )}
        {evals.map((run) => (
          <Thing key={run.run} what={<time title={moment(run.created_at)}>Evaluated {fromNow(run.created_at)}</time>}>
            <PageLink
              to="/evaluations/$evalId/runs/$runId"
              params={{ evalId: run.eval, runId: run.run }}
              size="sm"
              className="outside"
            >
              {run.name}
            </PageLink>
            <Text size="xs" c="dimmed" className="figures">
              {run.status === 'completed' ? (
                `${count(run.passed)} of ${count(run.total)} passed`
              ) : (
                <Status status={run.status} />
              )}
            </Text>
          </Thing>
        ))}
        {children.map((id) => (
          <Thing key={id} what="Trained further">
            <ModelLink id={id} words={shortName(id)} />
          </Thing>
        ))}
        {exports.length > 0 && (
          <Thing what="Exported">
            <Anchor href="#export" size="sm">
              {[...new Set(exports.map(({ format }) => format))].join(', ')}
            </Anchor>
          </Thing>
        )}
      </Stage>
    </ol>
  );
}

function Stage({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactElement {
  return (
    <li className={classes['stage']}>
      <Text size="sm" fw={600} mb={6}>
        {name}
      </Text>
      {children}
    </li>
  );
}

function Thing({ what, children }: { readonly what: ReactNode; readonly children: ReactNode }): ReactElement {
  return (
    <div className={classes['thing']}>
      <Text size="xs" c="dimmed" component="div">
        {what}
      </Text>
      {children}
    </div>
  );
}
