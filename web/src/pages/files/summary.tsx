/** The file in four figures: how much there is, how long training takes here, and what it cost elsewhere. */

import { Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { FileCheck } from '../../../../src/domain/file-check.ts';
import { count, dollars, duration } from '../../parts/numbers.ts';
import classes from './files.module.css';

/** The one that most people fine-tuned. */
const comparedWith = 'gpt-4.1-mini';

export function Summary({ check }: { readonly check: FileCheck }): ReactElement {
  const { examples, statistics, here, price } = check;
  const tokens = statistics?.tokens.find((each) => each.here) ?? statistics?.tokens[0];
  const there = price?.models.find(({ model }) => model.startsWith(comparedWith)) ?? price?.models[0];
  return (
    <dl className={`panel figures ${classes['summary']}`}>
      <Figure name="Examples" value={count(examples)} />
      <Figure
        name="Tokens, once through"
        value={tokens?.per_example == null ? '—' : count(tokens.per_example.total)}
        note={tokens?.counter}
      />
      <Figure
        name="Training here"
        value={here?.seconds == null ? 'not measured' : `≈ ${duration(here.seconds)}`}
        note={here === null ? 'no base model yet' : `with ${here.base}`}
      />
      <Figure
        name="Training at OpenAI"
        value={there === undefined ? '—' : there.usd < 0.01 ? '< $0.01' : dollars(there.usd)}
        note={there?.model.replace(/-\d{4}-\d{2}-\d{2}$/, '')}
      />
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly note?: string | undefined;
}

function Figure({ name, value, note }: FigureProps): ReactElement {
  return (
    <div className={classes['summary-figure']}>
      <Text component="dt" size="sm" c="dimmed">
        {name}
      </Text>
      <Text component="dd" m={0} fw={600} size="lg">
        {value}
      </Text>
      {note !== undefined && (
        <Text component="dd" m={0} size="xs" c="dimmed" className="outside">
          {note}
        </Text>
      )}
    </div>
  );
}
