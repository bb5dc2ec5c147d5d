/** Two fingers on a chart: what is under each stays under it while they move. One finger scrolls the page, as ever. */

import type uPlot from 'uplot';
import { type Extent, type Held, stretched, type Window } from './line.ts';

/** Fingers closer than this, in pixels, say nothing. */
const nearest = 16;

/** Stops listening when the signal says so. */
export function pinch(plot: uPlot, onWindow: (window: Window) => void, signal: AbortSignal): void {
  const { over } = plot;
  let held: Held | null = null;
  over.style.touchAction = 'pan-y';

  const fingers = ({ touches }: TouchEvent): Held | null => {
    if (touches.length !== 2) return null;
    const { left } = over.getBoundingClientRect();
    const at = [touches[0]!.clientX - left, touches[1]!.clientX - left].sort((a, b) => a - b);
    return at[1]! - at[0]! < nearest ? null : { left: at[0]!, right: at[1]! };
  };

  over.addEventListener(
    'touchstart',
    (event) => {
      const at = fingers(event);
      held = at === null ? null : { left: plot.posToVal(at.left, 'x'), right: plot.posToVal(at.right, 'x') };
    },
    { signal, passive: true },
  );
  over.addEventListener(
    'touchmove',
    (event) => {
      const at = fingers(event);
      if (at === null || held === null) return;
      event.preventDefault();
      onWindow(stretched(held, at, over.clientWidth, extentOf(plot)));
    },
    { signal, passive: false },
  );
  over.addEventListener('touchend', () => (held = null), { signal, passive: true });
}

function extentOf(plot: uPlot): Extent {
  const xs = plot.data[0];
  return { from: xs[0] ?? 0, to: xs.at(-1) ?? 1 };
}
