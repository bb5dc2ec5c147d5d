/** Lines that are JSON but for what other languages write into it: NaN, None, True, a comma too many. */

import { scanJson } from '../../formats/json-text.ts';
import { depthMax } from '../survey.ts';
import type { Ask } from './changes.ts';

const repairsMax = 100;
const words: Readonly<Record<string, string>> = {
  NaN: 'null',
  Infinity: 'null',
  '-Infinity': 'null',
  undefined: 'null',
  None: 'null',
  True: 'true',
  False: 'false',
};

/** The line's value, or undefined where more than that is wrong with it. */
export function repairJson(text: string, ask: Ask): unknown {
  let repaired = text;
  const changes: (readonly [before: string, after: string])[] = [];
  for (let i = 0; i < repairsMax; i++) {
    const { fault } = scanJson(repaired, depthMax);
    if (fault === null) {
      const wanted = changes.every(([before, after]) => ask('json', '$', before, after));
      return wanted ? (JSON.parse(repaired) as unknown) : undefined;
    }
    const { at, found, expected, reason } = fault;
    const word = words[found];
    if (reason !== 'syntax') return undefined;
    if (word !== undefined && expected === 'a value') {
      repaired = repaired.slice(0, at) + word + repaired.slice(at + found.length);
      changes.push([found, word]);
    } else if (expected === 'another entry') {
      const comma = repaired.lastIndexOf(',', at);
      repaired = repaired.slice(0, comma) + repaired.slice(comma + 1);
      changes.push([', before the end', 'no comma']);
    } else return undefined;
  }
  return undefined;
}
