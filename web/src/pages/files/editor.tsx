/** A row as JSON to write in, taken only when it is JSON. */

import { Button, Group, Textarea } from '@mantine/core';
import { type ReactElement, useEffect, useRef, useState } from 'react';

interface EditorProps {
  readonly line: number;
  readonly value: unknown;
  /** Null when nothing is to change. */
  readonly onDone: (value: object | null) => void;
}

export function Editor({ line, value, onDone }: EditorProps): ReactElement {
  const [text, setText] = useState(typeof value === 'string' ? value : JSON.stringify(value, null, 2));
  const { row, mistake } = read(text);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <>
      <Textarea
        label={`Line ${line} as JSON`}
        autosize
        minRows={6}
        maxRows={24}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        error={mistake}
        ref={field}
        spellCheck={false}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: '0.8125rem' } }}
      />
      <Group gap={6} mt="sm">
        <Button size="compact-sm" disabled={row === null} onClick={() => onDone(row)}>
          Keep the change
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => onDone(null)}>
          Never mind
        </Button>
      </Group>
    </>
  );
}

function read(text: string): { readonly row: object | null; readonly mistake: string | null } {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { row: value, mistake: null };
    return { row: null, mistake: 'A row is a JSON object: {"messages": […]}.' };
  } catch (error) {
    return { row: null, mistake: `This is no JSON yet. ${(error as Error).message}` };
  }
}
