/** What a mended copy would change, and the copy itself: to keep here, and to take along. */

import { Alert, Button, Checkbox, Group, Text } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import type { SuggestedRepair } from '../../../../src/domain/file-check.ts';
import type { FileObject } from '../../../../src/domain/file.ts';
import { openai } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { count, counted } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { Download } from './download.tsx';
import classes from './files.module.css';
import { PageLink } from '../../parts/links.tsx';

interface MendingProps {
  readonly file: FileObject;
  readonly repair: SuggestedRepair;
}

export function Mending({ file, repair }: MendingProps): ReactElement {
  const { repairs, broken, rows_read: read, rows_written: written } = repair;
  const [drop, setDrop] = useState(broken > 0);
  const mend = useAct(() => openai.post<FileObject>(`/files/${file.id}/edits`, { body: { repair: true, drop } }), {
    changes: [['files']],
  });
  return (
    <Panel
      title="Mend it"
      about={`A copy with ${count(drop ? written - broken : written)} of ${counted(read, 'row')}. The file itself stays as it is.`}
      flush
    >
      <ul className={classes['plain']}>
        {repairs.map(({ name, title, count: times, changes: [first] }) => (
          <li key={name} className={classes['item']}>
            <Group justify="space-between" gap="sm" wrap="nowrap" align="flex-start">
              <div style={{ minWidth: 0 }}>
                <Text size="sm" className={classes['sentence']}>
                  {title}
                </Text>
                {first !== undefined && (
                  <Text size="sm" c="dimmed" className="outside" component="div">
                    Line {count(first.line)}: <del className={classes['before']}>{first.before}</del> →{' '}
                    <ins className={classes['after']}>{first.after}</ins>
                  </Text>
                )}
              </div>
              <Text size="sm" c="dimmed" className="figures" style={{ flex: 'none' }}>
                {times === 1 ? 'once' : `${count(times)} times`}
              </Text>
            </Group>
          </li>
        ))}
      </ul>
      <Group p="md" gap="md" className={classes['line-above']}>
        <Button loading={mend.isPending} onClick={() => mend.mutate(undefined)}>
          Make the mended file
        </Button>
        {broken > 0 && (
          <Checkbox
            label={`Leave out ${counted(broken, 'row')} that cannot be mended`}
            checked={drop}
            onChange={(event) => setDrop(event.currentTarget.checked)}
          />
        )}
      </Group>
      <div aria-live="polite">
        {mend.isError && <Failure error={mend.error} />}
        {mend.data !== undefined && (
          <Alert color="teal" variant="light" mx="md" mb="md">
            <Group justify="space-between" gap="sm">
              <Text size="sm">
                The mended file is{' '}
                <PageLink to="/files/$id" params={{ id: mend.data.id }} size="sm" fw={600}>
                  {mend.data.filename}
                </PageLink>
                .
              </Text>
              <Download file={mend.data} words="Download the mended file" size="xs" />
            </Group>
          </Alert>
        )}
      </div>
    </Panel>
  );
}
