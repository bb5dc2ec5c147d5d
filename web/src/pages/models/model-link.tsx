/** The name of a model, which leads to its page. */

import type { ReactElement } from 'react';
import { PageLink } from '../../parts/links.tsx';

export function ModelLink({ id, words = id }: { readonly id: string; readonly words?: string }): ReactElement {
  return (
    <PageLink to="/models/$id" params={{ id }} size="sm" className="outside" title={id}>
      {words}
    </PageLink>
  );
}
