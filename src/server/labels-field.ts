/** Ours: the answers of which one has to be chosen, as chat completions and responses take them. */

import { z } from 'zod';
import { invalid } from '../domain/errors.ts';
import { optional } from './validation.ts';

const areDifferent = (labels: readonly string[]): boolean => new Set(labels).size === labels.length;

export const labelsField = optional(
  z.union([
    z.boolean(),
    z.literal('auto'),
    z.array(z.string().min(1).max(256)).min(2).max(200).refine(areDifferent, 'Expected different labels.'),
  ]),
);

/** Throws where something else of the request also says what the answer looks like; `other` is its field. */
export function checkLabelsAlone(labels: z.output<typeof labelsField>, other: string | null): void {
  if (labels === undefined || labels === false || labels === 'auto' || other === null) return;
  throw invalid('labels', `'labels' cannot be combined with '${other}': a label is the whole answer.`);
}
