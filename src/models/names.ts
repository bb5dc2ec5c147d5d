/**
 * Which names a base model may have: it becomes a folder and a part of `ft:<base>:<org>:<suffix>:<id>`,
 * so no slash, no colon, no leading dot, nothing a file system treats in a special way.
 */

import { invalid } from '../domain/errors.ts';

const pattern = /^[a-z0-9][a-z0-9._-]{0,95}$/;

export const isBaseModelId = (id: string): boolean => pattern.test(id) && !id.endsWith('.');

export function assertBaseModelId(id: string): void {
  if (isBaseModelId(id)) return;
  throw invalid(
    'model',
    `${JSON.stringify(id)} cannot name a base model: up to 96 lower-case letters, digits, dots, dashes and underscores, beginning with a letter or digit.`,
  );
}

/** A name for a model file nobody named: `My Model.Q4_1.gguf` becomes `my-model.q4_1`. */
export function baseModelIdOf(fileName: string): string {
  const stem = fileName.replace(/\.gguf$/i, '').toLowerCase();
  const id = stem
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 96)
    .replace(/[.-]+$/, '');
  assertBaseModelId(id);
  return id;
}
