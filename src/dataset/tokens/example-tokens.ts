/** How many tokens an example is, and where they lie; what every way of counting answers. */

import type { AnyExample, Role } from '../../domain/example.ts';

/** Who a token belongs to. Bare text has a prompt and a completion; tools are what an example defines. */
export type Part = Role | 'prompt' | 'completion' | 'tools';

export interface ExampleTokens {
  /** With everything that stands between the messages. */
  readonly total: number;
  /** Those that are learnt; all others are context. */
  readonly supervised: number;
  /** Of what the messages say, by who says it; what stands between them is left out. */
  readonly parts: Readonly<Partial<Record<Part, number>>>;
  /** Of each answer that is learnt. */
  readonly answers: readonly number[];
}

export interface ExampleCounter {
  /** Null when an example cannot be written this way, as when a chat template refuses it. */
  count(example: AnyExample): ExampleTokens | null;
}
