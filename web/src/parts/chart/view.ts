/**
 * What part of the axis is looked at, by one chart or by several together.
 *
 * React does not know of it: a zoom moves lines on canvases and nothing else on the page, and asking the whole page
 * what has changed took as long as drawing. Charts draw themselves anew in the next frames, as many in each as there
 * is time for, so that many charts do not make one long frame.
 */

import type { Window } from './line.ts';

/** A frame lasts 16 ms, and what is drawn must still be put on the screen. */
const drawingMs = 4;

export class View {
  #window: Window = null;
  readonly #lookers = new Set<() => void>();

  get window(): Window {
    return this.#window;
  }

  set(window: Window): void {
    this.#window = window;
    for (const looker of this.#lookers) inTurn(looker);
  }

  /** Has it drawn whenever the window is another; what comes back ends that. */
  watch(draw: () => void): () => void {
    this.#lookers.add(draw);
    return () => {
      this.#lookers.delete(draw);
      waiting.delete(draw);
    };
  }
}

/** The first has waited longest. Who is asked again while waiting draws once. */
const waiting = new Set<() => void>();

function inTurn(draw: () => void): void {
  if (waiting.size === 0) requestAnimationFrame(next);
  waiting.add(draw);
}

function next(): void {
  const until = performance.now() + drawingMs;
  for (const draw of waiting) {
    waiting.delete(draw);
    draw();
    if (performance.now() >= until) break;
  }
  if (waiting.size > 0) requestAnimationFrame(next);
}
