/** What is kept on this machine, and where. */

import { Box, Text, useComputedColorScheme } from '@mantine/core';
import type { ReactElement } from 'react';
import type { DiskKind, System } from '../../../../src/domain/system.ts';
import { Answered } from '../../parts/answered.tsx';
import { Facts } from '../../parts/facts.tsx';
import { bytes } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { lineColours } from '../../theme.ts';
import { diskWords, useSystem } from '../home/machine-panel.tsx';
import classes from './settings.module.css';

export function Storage(): ReactElement {
  return (
    <Panel title="Storage" about="All that this server keeps lies in one folder, and can be copied or moved as one.">
      <Answered query={useSystem()}>{(system) => <Kept disk={system.disk} />}</Answered>
    </Panel>
  );
}

function Kept({ disk }: { readonly disk: System['disk'] }): ReactElement {
  const scheme = useComputedColorScheme('light');
  const used = disk.used ?? [];
  const sum = used.reduce((all, { bytes: size }) => all + size, 0);
  const colourOf = (kind: DiskKind): string =>
    kind === 'other' ? 'var(--quiet)' : lineColours[scheme][Object.keys(diskWords).indexOf(kind)]!;
  return (
    <>
      {disk.used === null ? (
        <Text size="sm" c="dimmed" role="status">
          Counting what is kept…
        </Text>
      ) : (
        <Box className={classes['bar']} role="presentation">
          {used.map(({ kind, bytes: size }) => (
            <span key={kind} style={{ flexGrow: size, background: colourOf(kind) }} />
          ))}
        </Box>
      )}
      <Box mt="sm">
        <Facts
          facts={[
            ...used.map(({ kind, bytes: size }): readonly [string, ReactElement] => [
              diskWords[kind],
              <>
                <span className={classes['swatch']} style={{ background: colourOf(kind) }} />
                {bytes(size)}
              </>,
            ]),
            ['Together', disk.used === null ? null : bytes(sum)],
            ['Free on the disk', `${bytes(disk.free_bytes)} of ${bytes(disk.total_bytes)}`],
            ['Folder', disk.folder === null ? null : <span className="mono">{disk.folder}</span>],
          ]}
        />
      </Box>
    </>
  );
}
