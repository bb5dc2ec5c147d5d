/** Where the keyboard is, when what it was on has just gone: on what has come in its place. */

import { type RefObject, useEffect, useRef } from 'react';

/** After each change of `state`, but not at first. `find` says what to go to within the place. */
export function useKeptFocus(place: RefObject<HTMLElement | null>, state: unknown, find: string): void {
  const before = useRef(state);
  useEffect(() => {
    if (before.current === state) return;
    before.current = state;
    if (document.activeElement === document.body || document.activeElement === null)
      place.current?.querySelector<HTMLElement>(find)?.focus();
  }, [place, state, find]);
}
