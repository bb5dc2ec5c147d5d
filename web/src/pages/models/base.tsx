/** A base model: what it is, where it came from, what stands on it. */

import { useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import type { BaseModelObject } from '../../../../src/domain/base-model.ts';
import type { FineTunedModelObject } from '../../../../src/domain/lineage.ts';
import { isMissing, type ListOf, openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { Empty } from '../../parts/empty.tsx';
import { Facts } from '../../parts/facts.tsx';
import { bytes, count, moment } from '../../parts/numbers.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Exports } from './exports.tsx';
import { FetchModels } from './fetch-models.tsx';
import { millions } from './figures.ts';
import { Hash } from './hash.tsx';
import { ModelLink } from './model-link.tsx';
import { RemoveBase } from './remove-base.tsx';
import { UseIt } from './use-it.tsx';
import { PageButton } from '../../parts/links.tsx';

const back = { to: '/models', words: 'Models' };

export function BasePage({ id }: { readonly id: string }): ReactElement {
  const query = useLive(['base-models', 'one', id], (signal) =>
    openai.get<BaseModelObject>(`/base_models/${encodeURIComponent(id)}`, { signal }),
  );
  if (query.data !== undefined) return <Known base={query.data} />;
  if (isMissing(query.error))
    return (
      <Page title="No such model" back={back}>
        <Empty title="This model is not here">It was removed, or has another name.</Empty>
      </Page>
    );
  return (
    <Page title="Model" back={back}>
      <Answered query={query}>{() => null}</Answered>
    </Page>
  );
}

function Known({ base }: { readonly base: BaseModelObject }): ReactElement {
  const { id, name, status, problem, serving_only: servingOnly, sources, sha256 } = base;
  const navigate = useNavigate();
  const isHere = status === 'installed';
  return (
    <Page
      title={name}
      about={aboutOf(base)}
      back={back}
      actions={
        <>
          {isHere && (
            <PageButton variant="default" size="xs" to="/playground" search={{ model: id }}>
              Try it
            </PageButton>
          )}
          {isHere && servingOnly === null && (
            <PageButton size="xs" to="/jobs/new" search={{ model: id }}>
              Train on it
            </PageButton>
          )}
          {status !== 'available' && <RemoveBase base={base} onRemoved={() => navigate({ to: '/models' })} />}
        </>
      }
    >
      {status === 'available' && <FetchModels bases={[base]} alone />}
      <Panel title="What it is">
        <Facts
          facts={[
            ['Name for programs', <span className="mono">{id}</span>],
            ['Family', base.family],
            ['Weights', millions(base.parameters)],
            [
              'Reads at most',
              `${count(base.context_tokens)} tokens, about ${count(Math.round(base.context_tokens * 0.75))} English words`,
            ],
            ['File', `${status === 'available' ? 'about ' : ''}${bytes(base.size_bytes)}`],
            ['Licence', base.licence],
            [status === 'available' ? 'Comes from' : 'Came from', sources.join(', ')],
            ['Commit', base.revision],
            ['Original', base.original],
            ['Here since', base.created_at === null ? null : moment(base.created_at)],
            ['SHA-256', sha256 === null ? null : <Hash of="the base model" sha256={sha256} />],
            ['What is wrong', problem],
          ]}
        />
      </Panel>
      {status !== 'available' && <Standing on={id} />}
      {isHere && <UseIt model={id} />}
      {isHere && <Exports model={id} hasAdapter={false} isEncoder={base.encoder === true} />}
    </Page>
  );
}

function aboutOf({ status, serving_only: servingOnly }: BaseModelObject): string {
  if (status === 'damaged') return 'Its file is not as it should be. Remove it and fetch it again.';
  if (status === 'available') return 'A base model that is not on this machine yet.';
  return servingOnly === null
    ? 'A base model: it answers as it is, and training starts from it.'
    : `A base model. It answers, but cannot be trained: ${servingOnly}.`;
}

function Standing({ on: base }: { readonly on: string }): ReactElement {
  const query = useLive(
    ['fine-tuned-models', 'of', base],
    (signal) =>
      openai.get<ListOf<FineTunedModelObject>>('/fine_tuned_models', {
        query: { base_model: base, limit: 100 },
        signal,
      }),
    { every: 5000 },
  );
  return (
    <Panel title="Fine-tuned models on it">
      <Answered query={query}>
        {({ data }) =>
          data.length === 0 ? (
            <>None yet.</>
          ) : (
            <ul style={{ margin: 0, paddingLeft: '1.2rem' }}>
              {data.map(({ id }) => (
                <li key={id}>
                  <ModelLink id={id} />
                </li>
              ))}
            </ul>
          )
        }
      </Answered>
    </Panel>
  );
}
