/** Takes a base model off this machine, after saying what else goes with it. */

import { useQueryClient } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import type { BaseModelObject } from '../../../../src/domain/base-model.ts';
import { openai } from '../../api.ts';
import { useSession } from '../../session.ts';
import { AskFirst } from '../../parts/ask-first.tsx';
import { bytes, counted } from '../../parts/numbers.ts';

interface RemoveBaseProps {
  readonly base: BaseModelObject;
  readonly onRemoved?: () => Promise<void>;
}

/** Nothing for whoever may not: bases are everybody's, and the operator's to manage. */
export function RemoveBase({ base, onRemoved }: RemoveBaseProps): ReactElement | null {
  const client = useQueryClient();
  const session = useSession();
  const { id, name, size_bytes: size, fine_tunes: fineTunes } = base;
  const needed = fineTunes > 0;
  if (session.data?.operator !== true) return null;

  async function remove(): Promise<void> {
    const query = needed ? { force: 'true' } : {};
    await openai.delete(`/base_models/${encodeURIComponent(id)}`, { query });
    await client.invalidateQueries({ queryKey: ['base-models'] });
    await onRemoved?.();
  }

  return (
    <AskFirst
      words="Remove"
      question={`Remove ${name}?`}
      consequences={
        needed
          ? `${counted(fineTunes, 'fine-tuned model')} will not answer without it, until it is fetched again. Their own files stay. This frees ${bytes(size)}.`
          : `This frees ${bytes(size)}. It can be fetched again from where it came.`
      }
      verb={needed ? 'Remove it all the same' : 'Remove'}
      onSure={remove}
      button={{ 'aria-label': `Remove ${name}` }}
    />
  );
}
