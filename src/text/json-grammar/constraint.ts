/** What an answer must look like, as a grammar for llama.cpp. */

import { invalid } from '../../domain/errors.ts';
import { choice, Grammar, literal } from './grammar.ts';
import { anyValue } from './json-text.ts';
import { schemaRule } from './schema.ts';
import { checkStrict } from './strict.ts';

/** What an answer must look like. */
export type Constraint =
  | { readonly type: 'json_object' }
  | {
      readonly type: 'json_schema';
      readonly schema: unknown;
      /** Whether the schema must keep OpenAI's rules for strict ones. */
      readonly strict?: boolean;
      /** The schema's place in the request, for complaints about it. */
      readonly param?: string;
    }
  /** One of these texts and nothing else. */
  | { readonly type: 'choices'; readonly choices: readonly string[] }
  /** llama.cpp's own notation; the answer begins at its rule `root`. */
  | { readonly type: 'grammar'; readonly gbnf: string };

export function grammarOf(constraint: Constraint): string {
  const grammar = new Grammar();
  switch (constraint.type) {
    case 'json_object':
      return grammar.text(anyValue(grammar).object);
    case 'json_schema': {
      const { schema, strict = false, param = 'response_format.json_schema.schema' } = constraint;
      if (strict) checkStrict(schema, param);
      return grammar.text(schemaRule(grammar, schema, param));
    }
    case 'choices':
      if (constraint.choices.length === 0) throw invalid(null, 'There is nothing to choose from.');
      return grammar.text(choice(constraint.choices.map(literal)));
    case 'grammar':
      return constraint.gbnf;
    default:
      throw constraint satisfies never;
  }
}
