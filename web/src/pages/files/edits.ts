/**
 * What somebody decided of the examples of a file and has not saved yet: which were changed, left out, or are good as
 * they are. Kept in the tab, so that a page that was reloaded still has it.
 */

import { useSyncExternalStore } from 'react';

export type Decision =
  { readonly kind: 'edited'; readonly value: object } | { readonly kind: 'rejected' } | { readonly kind: 'accepted' };

/** By line. */
export type Decisions = Readonly<Record<number, Decision>>;

const listeners = new Set<() => void>();
const known = new Map<string, Decisions>();
const nothing: Decisions = {};

const placeOf = (file: string): string => `tunesmith.decisions ${file}`;

function read(file: string): Decisions {
  const before = known.get(file);
  if (before !== undefined) return before;
  let found = nothing;
  try {
    found = (JSON.parse(sessionStorage.getItem(placeOf(file)) ?? 'null') as Decisions | null) ?? nothing;
  } catch {
    // What cannot be read was not written by this page.
  }
  known.set(file, found);
  return found;
}

export function useDecisions(file: string): Decisions {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => read(file),
  );
}

/** Null takes the decision back. */
export function decide(file: string, line: number, decision: Decision | null): void {
  const { [line]: _, ...others } = read(file);
  write(file, decision === null ? others : { ...others, [line]: decision });
}

export function forgetDecisions(file: string): void {
  write(file, nothing);
}

function write(file: string, decisions: Decisions): void {
  known.set(file, decisions);
  try {
    if (decisions === nothing) sessionStorage.removeItem(placeOf(file));
    else sessionStorage.setItem(placeOf(file), JSON.stringify(decisions));
  } catch {
    // Without room they live as long as the page.
  }
  for (const listener of listeners) listener();
}
