/** Whether texts match a grammar, as llama.cpp sees it. */

import { getLlama } from 'node-llama-cpp';
import { type Constraint, grammarOf } from '../../../src/text/json-grammar/constraint.ts';

export type Matcher = (text: string) => boolean;

const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logger: () => undefined });

export async function matcherOf(constraint: Constraint): Promise<Matcher> {
  const grammar = await llama.createGrammar({ grammar: grammarOf(constraint) });
  return (text) => (grammar as unknown as { _testText(text: string): boolean })._testText(text);
}

/** Whether values match a schema's grammar when they are written down as `JSON.stringify` does. */
export async function schemaMatcher(schema: unknown): Promise<(value: unknown) => boolean> {
  const matches = await matcherOf({ type: 'json_schema', schema });
  return (value) => matches(JSON.stringify(value));
}
