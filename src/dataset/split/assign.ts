/**
 * Which group of rows goes into which part, so that parts have their sizes and labels their shares in each of them.
 *
 * Groups are never parted. The largest are placed first, equal ones in an order drawn by lot; each goes where the
 * labels it brings are missing most. Groups of one row, the usual case, give every part its exact size.
 */

import { seededRandom, shuffled } from '../../random.ts';

export interface Group {
  /** Numbers of rows. */
  readonly rows: readonly number[];
}

/** The part of each row, by its number. `strata` is the label of each row as a number from 0. */
export function assignParts(
  groups: readonly Group[],
  strata: Uint32Array,
  targets: readonly number[],
  seed: number,
): Uint8Array {
  const total = strata.length;
  const strataCount = strata.reduce((most, stratum) => Math.max(most, stratum), 0) + 1;
  const sizes = new Float64Array(strataCount);
  for (const stratum of strata) sizes[stratum]! += 1;
  const missing = targets.map((target) => sizes.map((size) => (size * target) / total));
  const room = [...targets];
  const parts = new Uint8Array(total);

  const order = shuffled(groups, seededRandom(seed)).sort((a, b) => b.rows.length - a.rows.length);
  for (const { rows } of order) {
    const part = bestPart(rows, strata, missing, room);
    room[part]! -= rows.length;
    for (const row of rows) {
      parts[row] = part;
      missing[part]![strata[row]!]! -= 1;
    }
  }
  return parts;
}

/** Of the parts with room for all of the group, or else of those with the most room, the one that needs it most. */
function bestPart(
  rows: readonly number[],
  strata: Uint32Array,
  missing: readonly Float64Array[],
  room: readonly number[],
): number {
  const enough = Math.min(rows.length, Math.max(...room));
  let best = -1;
  let bestNeed = -Infinity;
  for (const [part, free] of room.entries()) {
    if (free < enough) continue;
    const need = rows.reduce((sum, row) => sum + missing[part]![strata[row]!]!, 0);
    if (need <= bestNeed) continue;
    best = part;
    bestNeed = need;
  }
  return best;
}
