/** The base model that data is counted, priced or shown with. */

import { readSettings } from '../../config.ts';
import { notFound } from '../../domain/errors.ts';
import { BaseModels, type BaseModel } from '../../models/base-models.ts';
import { findInCatalogue } from '../../models/catalogue.ts';
import type { Context } from '../context.ts';

/** The one of that name or alias; without a name the newest of this machine, or null when there is none. */
export async function chosenBase(context: Context, name: string | undefined): Promise<BaseModel | null> {
  const bases = await BaseModels.open(context.home);
  if (name === undefined) return bases.list().sort((a, b) => b.createdAt - a.createdAt)[0] ?? null;
  const { modelAliases } = readSettings(context.surroundings.env, { home: context.home });
  const id = modelAliases[name] ?? name;
  const found = bases.find(id);
  if (found !== undefined) return found;
  const way =
    findInCatalogue(id) === undefined
      ? `See tunesmith models list, or fetch one: ${pullCommand}.`
      : `Fetch it: tunesmith models pull ${id}.`;
  throw notFound('base', `The base model "${name}" is not on this machine. ${way}`, 'model_not_found');
}

/** How to get a first base model. */
export const pullCommand = 'tunesmith models pull smollm2-135m-instruct';
