/** Everything that is wrong, by line, with what to do about it; and the mended file. */

import { Anchor, Badge, Group, Stack, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { FileCheck, FileProblem, ProblemGroup } from '../../../../src/domain/file-check.ts';
import type { FileObject } from '../../../../src/domain/file.ts';
import { Empty } from '../../parts/empty.tsx';
import { LongList, type Column } from '../../parts/long-list.tsx';
import { count, counted } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { Lines } from './lines.tsx';
import { useLook } from './look.ts';
import { Mending } from './mending.tsx';
import classes from './files.module.css';

export function Problems({ file, check }: { readonly file: FileObject; readonly check: FileCheck }): ReactElement {
  const { groups, problems, errors, warnings, repair } = check;
  const [, look] = useLook();
  if (groups.length === 0)
    return (
      <Panel>
        <Empty title="Nothing is wrong">Every row is what a job expects.</Empty>
      </Panel>
    );
  return (
    <>
      {repair !== null && repair.repairs.length > 0 && <Mending file={file} repair={repair} />}
      <Panel title="What is wrong" about="Alike problems stand together, the most frequent first." flush>
        <ul className={classes['plain']}>
          {groups.map((group) => (
            <GroupRow key={`${group.code} ${group.path}`} group={group} />
          ))}
        </ul>
      </Panel>
      <Panel
        title="Line by line"
        about={
          errors + warnings > problems.length
            ? `The first ${count(problems.length)} of ${counted(errors + warnings, 'problem')}.`
            : undefined
        }
        flush
      >
        <LongList
          label="Problems by line"
          rows={problems}
          keyOf={(_, i) => i}
          columns={columnsFor((line) =>
            look({ part: 'examples', lines: String(line), query: null, from: null, faulty: false }),
          )}
          rowHeight={64}
        />
      </Panel>
    </>
  );
}

function GroupRow({ group }: { readonly group: ProblemGroup }): ReactElement {
  const { severity, count: times, lines, first } = group;
  return (
    <li className={classes['item']}>
      <Group gap="sm" justify="space-between" mb={4}>
        <Severity severity={severity} />
        <Text size="sm" c="dimmed" className="figures">
          {times === 1 ? 'once' : `${count(times)} times`}
        </Text>
      </Group>
      <Stack gap={2}>
        <Text size="sm" className="outside">
          {first.message}
        </Text>
        {first.suggestion !== null && (
          <Text size="sm" className="outside">
            <b>What to do:</b> {first.suggestion}
          </Text>
        )}
        {lines.length > 0 && (
          <Text size="sm" c="dimmed" component="div">
            <Lines lines={lines} count={Math.max(times, lines.length)} />
          </Text>
        )}
      </Stack>
    </li>
  );
}

export function Severity({ severity }: { readonly severity: 'error' | 'warning' | 'note' }): ReactElement {
  const tone = { error: 'bad', warning: 'wait', note: 'quiet' }[severity];
  return (
    <Badge variant="outline" radius="sm" className={classes['severity']} style={{ color: `var(--${tone})` }}>
      {severity}
    </Badge>
  );
}

const columnsFor = (open: (line: number) => void): readonly Column<FileProblem>[] => [
  {
    name: 'Line',
    width: '5rem',
    isFigure: true,
    always: true,
    cell: ({ line }) =>
      line === null ? (
        'all'
      ) : (
        <Anchor component="button" size="sm" onClick={() => open(line)} aria-label={`Look at line ${line}`}>
          {count(line)}
        </Anchor>
      ),
  },
  { name: 'Kind', width: '6rem', cell: ({ severity }) => <Severity severity={severity} /> },
  {
    name: 'What is wrong',
    width: 'minmax(0, 3fr)',
    always: true,
    cell: ({ message }) => <TwoLines text={message} />,
  },
  {
    name: 'Suggested repair',
    width: 'minmax(0, 2fr)',
    cell: ({ suggestion, expected }) => <TwoLines text={suggestion ?? `Expected ${expected}.`} />,
  },
];

function TwoLines({ text }: { readonly text: string }): ReactElement {
  return (
    <span className={classes['two-lines']} title={text}>
      {text}
    </span>
  );
}
