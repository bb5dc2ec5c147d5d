/** One example: what is said in it or how a model sees it, what is wrong, and what is to become of it. */

import { Badge, Button, Group, Text } from '@mantine/core';
import { type ReactElement, useRef, useState } from 'react';
import type { FileExample } from '../../../../src/domain/file-example.ts';
import { bytes, count } from '../../parts/numbers.ts';
import { Conversation } from './conversation.tsx';
import { decide, useDecisions, type Decision } from './edits.ts';
import { Editor } from './editor.tsx';
import { useKeptFocus } from './kept-focus.ts';
import { Mask } from './mask.tsx';
import { Severity } from './problems.tsx';
import classes from './files.module.css';

interface ExampleProps {
  readonly file: string;
  readonly example: FileExample;
}

export function Example({ file, example }: ExampleProps): ReactElement {
  const { line, value, problems, repair, text, bytes: size } = example;
  const decision = useDecisions(file)[line] ?? null;
  const [isEditing, setEditing] = useState(false);
  const place = useRef<HTMLLIElement>(null);
  useKeptFocus(place, `${decision?.kind} ${isEditing}`, 'button');
  const shown = decision?.kind === 'edited' ? decision.value : value;
  const settle = (next: Decision | null): void => decide(file, line, next);
  const canMend = repair !== null && repair.value !== null && !repair.broken;
  return (
    <li
      ref={place}
      className={`panel ${classes['example']}`}
      data-decision={decision?.kind}
      aria-label={`Line ${line}`}
    >
      <Group justify="space-between" gap="xs" mb="xs">
        <Group gap="sm">
          <Text size="sm" fw={600} className="figures">
            Line {count(line)}
          </Text>
          {decision !== null && <Decided decision={decision} />}
        </Group>
        {!isEditing && (
          <Group gap={6}>
            {decision === null ? (
              <>
                {problems.length === 0 && <Act words="Accept" line={line} onAct={() => settle({ kind: 'accepted' })} />}
                <Act words="Edit" line={line} onAct={() => setEditing(true)} />
                <Act words="Leave out" line={line} onAct={() => settle({ kind: 'rejected' })} />
              </>
            ) : (
              <>
                {decision.kind === 'edited' && <Act words="Edit" line={line} onAct={() => setEditing(true)} />}
                <Act words="Take back" line={line} onAct={() => settle(null)} />
              </>
            )}
          </Group>
        )}
      </Group>

      {decision === null && problems.length > 0 && (
        <ul className={classes['problems']}>
          {problems.map((problem, i) => (
            <li key={i}>
              <Severity severity={problem.severity} />
              <span className="outside">
                {problem.message}
                {problem.suggestion !== null && ` ${problem.suggestion}`}
              </span>
            </li>
          ))}
        </ul>
      )}
      {decision === null && repair !== null && (
        <div className={classes['repair']}>
          <Text size="sm" fw={600}>
            {repair.value === null ? 'A repair would leave the row out.' : 'Suggested repair'}
          </Text>
          {repair.changes.map(({ name, path, before, after }, i) => (
            <Text key={i} size="sm" className="outside" component="div">
              <span className="mono">{path}</span> ({name.replaceAll('-', ' ')}):{' '}
              <del className={classes['before']}>{before}</del> → <ins className={classes['after']}>{after}</ins>
            </Text>
          ))}
          <Group gap={6} mt={6}>
            {canMend && (
              <Act
                words="Accept the repair"
                line={line}
                onAct={() => settle({ kind: 'edited', value: repair.value as object })}
              />
            )}
            {repair.value !== null && repair.broken && (
              <Text size="sm" c="dimmed">
                Errors stay after it; edit the row, or leave it out.
              </Text>
            )}
          </Group>
        </div>
      )}

      {isEditing ? (
        <Editor
          line={line}
          value={shown ?? text ?? ''}
          onDone={(next) => {
            setEditing(false);
            if (next !== null) settle({ kind: 'edited', value: next });
          }}
        />
      ) : example.sequences !== null && decision?.kind !== 'edited' ? (
        <Mask sequences={example.sequences} />
      ) : shown === null ? (
        <Text size="sm" className="outside mono">
          {text}
          {text !== null && text.length < size && `… (${bytes(size)} in all)`}
        </Text>
      ) : (
        <Conversation value={shown} />
      )}
      {example.refusal !== null && (
        <Text size="sm" c="var(--bad)" mt="xs" className="outside">
          The model cannot see it: {example.refusal}
        </Text>
      )}
    </li>
  );
}

function Act({
  words,
  line,
  onAct,
}: {
  readonly words: string;
  readonly line: number;
  readonly onAct: () => void;
}): ReactElement {
  return (
    <Button size="compact-sm" variant="default" onClick={onAct} aria-label={`${words}: line ${line}`}>
      {words}
    </Button>
  );
}

function Decided({ decision: { kind } }: { readonly decision: Decision }): ReactElement {
  const words = { edited: 'Edited', rejected: 'Left out', accepted: 'Accepted' }[kind];
  const tone = { edited: 'busy', rejected: 'bad', accepted: 'good' }[kind];
  return (
    <Badge variant="outline" radius="sm" className={classes['severity']} style={{ color: `var(--${tone})` }}>
      {words}
    </Badge>
  );
}
