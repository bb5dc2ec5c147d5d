/** One model, by its name: a fine-tuned one with where it comes from, or a base. */

import { useParams } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { BasePage } from './base.tsx';
import { FineTunedPage } from './fine-tuned.tsx';

export function ModelPage(): ReactElement {
  const { id } = useParams({ strict: false }) as { id: string };
  return id.startsWith('ft:') ? <FineTunedPage key={id} id={id} /> : <BasePage key={id} id={id} />;
}
