/** What of a file is looked at, kept in the address: which part, and of the examples which lines or words. */

import { useNavigate, useSearch } from '@tanstack/react-router';

export const parts = ['problems', 'findings', 'statistics', 'examples', 'cost'] as const;
export type Part = (typeof parts)[number];

export interface Look {
  readonly part: Part;
  /** Only these lines, as the API takes them: `4,17`. */
  readonly lines: string | null;
  readonly query: string | null;
  /** The first line that is shown. */
  readonly from: number | null;
  readonly faulty: boolean;
}

export function useLook(): readonly [Look, (look: Partial<Look>) => void] {
  const search = useSearch({ strict: false }) as Readonly<Record<string, unknown>>;
  const navigate = useNavigate();
  const part = parts.find((each) => each === search['part']) ?? 'problems';
  const [lines, query] = [written(search['lines']), written(search['query'])];
  const from = Number(search['from']) > 1 ? Math.floor(Number(search['from'])) : null;
  const now: Look = { part, lines, query, from, faulty: search['faulty'] === true };
  const look = (next: Partial<Look>): void => {
    const { part: to, lines: only, query: words, from: first, faulty } = { ...now, ...next };
    const wanted = {
      part: to,
      ...(only !== null && { lines: only }),
      ...(words !== null && words !== '' && { query: words }),
      ...(first !== null && { from: first }),
      ...(faulty && { faulty }),
    };
    void navigate({ to: '.', search: wanted as never, replace: next.part === undefined, resetScroll: false });
  };
  return [now, look];
}

/** Addresses are read as JSON: what looks like a number is one. */
const written = (value: unknown): string | null =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : null;
