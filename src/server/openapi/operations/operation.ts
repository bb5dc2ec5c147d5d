/** What is said of an address, and the shapes that many answers are made of. */

export interface Operation {
  readonly group: string;
  readonly summary: string;
  /** For what OpenAI's document does not know: JSON schemas of the body, of the answer, and of the events of a stream. */
  readonly request?: object;
  readonly response?: object;
  readonly stream?: object;
  /** OpenAI has it too, in a part of its API that the document here leaves out. */
  readonly isOpenAIs?: boolean;
}

/** By method and route pattern. */
export type Operations = Readonly<Record<string, Operation>>;

export const row = (group: string, summary: string, shapes: Omit<Operation, 'group' | 'summary'> = {}): Operation => ({
  group,
  summary,
  ...shapes,
});

export const text = { type: 'string' };
export const whole = { type: 'integer' };
export const number = { type: 'number' };
export const truth = { type: 'boolean' };
export const anyObject = { type: 'object' };

export const orNull = <Shape extends { readonly type: string }>(shape: Shape) => ({
  ...shape,
  type: [shape.type, 'null'],
});
export const textOrNull = orNull(text);
export const wholeOrNull = orNull(whole);

export const arrayOf = (items: object) => ({ type: 'array', items });

/** Every field is there unless only some are said to be `required`. */
export const object = <Properties extends object>(
  properties: Properties,
  required: readonly string[] = Object.keys(properties),
) => ({ type: 'object', required, properties });

/** A page in OpenAI's envelope. */
export const listOf = (items: object) =>
  object(
    {
      object: { const: 'list' },
      data: arrayOf(items),
      has_more: truth,
      first_id: textOrNull,
      last_id: textOrNull,
    },
    ['object', 'data', 'has_more'],
  );

export const deleted = (noun: string) => object({ object: { const: noun }, id: text, deleted: { const: true } });

/** One of OpenAI's own. */
export const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` });

export const download = (kind: string) => ({
  content: { [kind]: { schema: { type: 'string', format: 'binary' } } },
});
