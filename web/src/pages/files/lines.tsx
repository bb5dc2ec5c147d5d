/** Line numbers, each a way to its example; all of them together as one. */

import { Anchor } from '@mantine/core';
import type { ReactElement } from 'react';
import { count as figure } from '../../parts/numbers.ts';
import { useLook } from './look.ts';

/** As many as the API takes at once. */
const linesMax = 200;
const shown = 8;

export function Lines({ lines, count }: { readonly lines: readonly number[]; readonly count: number }): ReactElement {
  const [, look] = useLook();
  const open = (some: readonly number[]): void =>
    look({ part: 'examples', lines: some.slice(0, linesMax).join(','), query: null, from: null, faulty: false });
  return (
    <span className="figures">
      {lines.length === 1 ? 'Line ' : 'Lines '}
      {lines.slice(0, shown).map((line, i) => (
        <span key={line}>
          {i > 0 && ', '}
          <Anchor component="button" size="sm" onClick={() => open([line])} aria-label={`Look at line ${line}`}>
            {figure(line)}
          </Anchor>
        </span>
      ))}
      {count > shown && ` and ${figure(count - Math.min(shown, lines.length))} more`}
      {lines.length > 1 && (
        <>
          {'. '}
          <Anchor component="button" size="sm" onClick={() => open(lines)}>
            {count > Math.min(lines.length, linesMax)
              ? `Look at the first ${Math.min(lines.length, linesMax)}`
              : 'Look at them'}
          </Anchor>
        </>
      )}
    </span>
  );
}
