/** Models: what training has made, what it can start from, and what could be fetched for it. */

import type { ReactElement } from 'react';
import { Answered } from '../../parts/answered.tsx';
import { useBases } from '../../parts/models.ts';
import { Page } from '../../parts/page.tsx';
import { BaseList } from './base-list.tsx';
import { FetchModels } from './fetch-models.tsx';
import { FineTunedList } from './fine-tuned-list.tsx';
import { PageButton } from '../../parts/links.tsx';

export function Models(): ReactElement {
  const bases = useBases();
  return (
    <Page
      title="Models"
      about="A base model is what training starts from. A fine-tuned model is what it makes: the same base, with what it has learnt from your examples."
      actions={<PageButton to="/jobs/new">Train a model</PageButton>}
    >
      <FineTunedList />
      <Answered query={bases}>
        {(all) => (
          <>
            <BaseList bases={all.filter(({ status }) => status !== 'available')} />
            <FetchModels
              bases={all.filter(({ status }) => status === 'available')}
              here={all.filter(({ status }) => status !== 'available').map(({ id }) => id)}
            />
          </>
        )}
      </Answered>
    </Page>
  );
}
