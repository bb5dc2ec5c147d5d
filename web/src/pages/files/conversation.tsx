/** An example as people read it: who says what; anything that is no conversation as JSON. */

import { Text } from '@mantine/core';
import type { ReactElement } from 'react';
import classes from './files.module.css';

interface Said {
  readonly role: string;
  readonly text: string;
  /** What is learnt. */
  readonly isAnswer: boolean;
}

export function Conversation({ value }: { readonly value: unknown }): ReactElement {
  const said = saidIn(value);
  if (said === null) return <pre className={classes['json']}>{JSON.stringify(value, null, 2)}</pre>;
  return (
    <dl className={classes['conversation']}>
      {said.map(({ role, text, isAnswer }, i) => (
        <div key={i} className={classes['said']} data-answer={isAnswer || undefined}>
          <Text component="dt" size="xs" c="dimmed">
            {role}
          </Text>
          <Text component="dd" size="sm" m={0} className="outside">
            {text === '' ? <i>nothing</i> : text}
          </Text>
        </div>
      ))}
    </dl>
  );
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Null for what is neither messages nor prompt and completion; keys nobody expects are shown as well. */
function saidIn(value: unknown): readonly Said[] | null {
  if (!isFields(value)) return null;
  const {
    messages,
    prompt,
    completion,
    input,
    preferred_output: better,
    non_preferred_output: worse,
    ...others
  } = value;
  const rest = Object.entries(others).map(([role, each]) => ({ role, text: written(each), isAnswer: false }));
  if (Array.isArray(messages)) return [...messages.map((each) => message(each)), ...rest];
  if (typeof prompt === 'string' && typeof completion === 'string')
    return [
      { role: 'prompt', text: prompt, isAnswer: false },
      { role: 'completion', text: completion, isAnswer: true },
      ...rest,
    ];
  if (isFields(input) && Array.isArray(input['messages']))
    return [
      ...input['messages'].map((each) => ({ ...message(each), isAnswer: false })),
      ...listed(better, 'the better answer', true),
      ...listed(worse, 'the worse answer', false),
      ...rest,
    ];
  return null;
}

const listed = (value: unknown, role: string, isAnswer: boolean): Said[] =>
  Array.isArray(value) ? value.map((each) => ({ ...message(each), role, isAnswer })) : [];

function message(value: unknown): Said {
  if (!isFields(value)) return { role: 'not a message', text: written(value), isAnswer: false };
  const { role, content, weight, ...others } = value;
  const name = [written(role ?? 'nobody'), ...(weight === 0 ? ['not learnt'] : [])].join(', ');
  const extra = Object.keys(others).length === 0 ? '' : JSON.stringify(others, null, 2);
  const text = content === undefined || content === null ? '' : written(content);
  return {
    role: name,
    text: [text, extra].filter((each) => each !== '').join('\n'),
    isAnswer: role === 'assistant' && weight !== 0,
  };
}

const written = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));
