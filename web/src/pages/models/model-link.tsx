/** The name of a model, which leads to its page. */

import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';

export function ModelLink({ id, words = id }: { readonly id: string; readonly words?: string }): ReactElement {
  return (
    <Anchor component={Link} to="/models/$id" params={{ id } as never} size="sm" className="outside" title={id}>
      {words}
    </Anchor>
  );
}
