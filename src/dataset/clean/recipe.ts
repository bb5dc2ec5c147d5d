/**
 * A recipe: which steps clean a file, in which order, with which settings, by which seed. The same recipe gives the
 * same output for the same input, so it is worth keeping beside the data.
 */

import { readFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';
import { writeAtomically } from '../../formats/atomic-write.ts';
import { boilerplateCountMin, boilerplateShareMin } from '../findings/boilerplate.ts';
import { defaultSimilarity } from '../findings/near-duplicates.ts';
import { personalKinds } from '../findings/personal-data.ts';

const step = <Name extends string, Settings extends z.ZodRawShape>(name: Name, settings: Settings) =>
  z.strictObject({ step: z.literal(name), ...settings });

const share = z.number().gt(0).max(1);
const characters = z.number().int().nonnegative();

/** In the order in which they run unless a recipe says otherwise: texts first, then what to leave out. */
const stepSchemas = [
  step('unicode', { form: z.enum(['NFC', 'NFKC', 'none']).default('NFC') }),
  step('html', {}),
  step('white_space', {}),
  step('boiler_plate', {
    share: share.default(boilerplateShareMin),
    count: z.number().int().min(2).default(boilerplateCountMin),
  }),
  step('personal_data', {
    kinds: z
      .array(z.enum(personalKinds))
      .min(1)
      .default([...personalKinds]),
  }),
  step('refusals', {}),
  step('language', { keep: z.array(z.string().regex(/^[a-z]{2,3}$/)).min(1) }),
  step('length', { min_answer: characters.default(1), max_example: characters.default(10_000) }),
  step('exact_duplicates', {}),
  step('near_duplicates', { similarity: share.default(defaultSimilarity) }),
  step('balance', { ratio: z.number().min(1).default(1) }),
] as const;

const stepSchema = z.discriminatedUnion('step', stepSchemas);

const recipeSchema = z.strictObject({
  version: z.literal(1).default(1),
  seed: z.number().int().nonnegative().default(42),
  steps: z.array(stepSchema).min(1),
});

export type Recipe = z.infer<typeof recipeSchema>;
export type StepSettings = z.infer<typeof stepSchema>;
export type StepName = StepSettings['step'];

export const stepNames = stepSchemas.map((schema) => schema.shape.step.value);

/** What harms no file. */
export const defaultSteps: readonly StepName[] = ['unicode', 'white_space', 'exact_duplicates', 'near_duplicates'];

/** What somebody wrote as a recipe, with every setting filled in; `source` is where it is from. */
export function parseRecipe(value: unknown, source: string): Recipe {
  const parsed = recipeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue!.path.length === 0 ? '' : ` at ${issue!.path.join('.')}`;
  throw invalid(null, `${source} is not a recipe${where}: ${issue!.message}. Its steps are: ${stepNames.join(', ')}.`);
}

/** YAML, and so JSON too. */
export async function readRecipe(path: string): Promise<Recipe> {
  const text = await readFile(path, 'utf8');
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw invalid(null, `${path} is neither YAML nor JSON: ${(error as Error).message.split('\n')[0]}`);
  }
  return parseRecipe(value, path);
}

/** JSON where the name ends so, else YAML. */
export async function writeRecipe(path: string, recipe: Recipe): Promise<void> {
  const text = path.endsWith('.json') ? `${JSON.stringify(recipe, null, 2)}\n` : stringify(recipe);
  await writeAtomically(path, [Buffer.from(text)]);
}
