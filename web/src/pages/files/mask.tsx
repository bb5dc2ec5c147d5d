/** An example as a model sees it: every token, which of them it learns from, which are its own signs, which are cut. */

import { Group, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { TokenSequence } from '../../../../src/domain/file-example.ts';
import { count, percent } from '../../parts/numbers.ts';
import classes from './mask.module.css';

export function MaskLegend(): ReactElement {
  return (
    <Group px="md" pb="md" gap="md">
      <Text size="sm" c="dimmed" maw={640}>
        Each piece is a token. The model is shown all of them, and learns to write the marked ones.
      </Text>
      <Group gap="sm" className={classes['legend']}>
        <span className={`${classes['token']} ${classes['loss']}`}>learnt</span>
        <span className={`${classes['token']} ${classes['special']}`}>a sign of its template</span>
        <span className={`${classes['token']} ${classes['cut']}`}>cut off</span>
      </Group>
    </Group>
  );
}

export function Mask({ sequences }: { readonly sequences: readonly TokenSequence[] }): ReactElement {
  return (
    <>
      {sequences.map((sequence, i) => (
        <div key={i} className={classes['sequence']}>
          <Text size="sm" c="dimmed" className="figures" mb={4}>
            {sequences.length > 1 && `${sequence.title ?? `Sequence ${i + 1}`}: `}
            {saying(sequence)}
          </Text>
          <p className={classes['tokens']}>
            {runsOf(sequence).map(({ from, to, isLoss }) => {
              const pieces = tokens(sequence, from, to);
              return isLoss ? (
                <mark key={from} className={classes['marked']}>
                  {pieces}
                </mark>
              ) : (
                <span key={from}>{pieces}</span>
              );
            })}
          </p>
          {sequence.ids.length < sequence.length && (
            <Text size="sm" c="dimmed">
              The first {count(sequence.ids.length)} tokens are shown.
            </Text>
          )}
        </div>
      ))}
    </>
  );
}

/** Tokens that are learnt stand together in a mark, so that a screen reader says it once. */
function runsOf({ loss }: TokenSequence): { readonly from: number; readonly to: number; readonly isLoss: boolean }[] {
  const runs = [];
  for (let from = 0; from < loss.length;) {
    let to = from + 1;
    while (to < loss.length && loss[to] === loss[from]) to++;
    runs.push({ from, to, isLoss: loss[from] === 1 });
    from = to;
  }
  return runs;
}

function tokens({ ids, texts, loss, special, length, cut }: TokenSequence, from: number, to: number): ReactElement[] {
  const kept = length - cut;
  return ids.slice(from, to).map((id, i) => {
    const at = from + i;
    const kinds = [
      classes['token'],
      loss[at] === 1 && classes['loss'],
      special[at] === 1 && classes['special'],
      at >= kept && classes['cut'],
    ];
    return (
      <span key={at} className={kinds.filter(Boolean).join(' ')} title={`Token ${at}, number ${id} of the vocabulary`}>
        {texts[at] === '\n' ? '⏎\n' : texts[at]}
      </span>
    );
  });
}

function saying({ length, supervised, cut, label }: TokenSequence): string {
  const behind = cut === 0 ? '' : ` ${count(cut)} lie behind what the model can take and are cut.`;
  if (label !== null) return `${count(length)} tokens to read; the answer to learn is “${label}”.${behind}`;
  const share = length === 0 ? 0 : supervised / length;
  return `${count(length)} tokens, ${count(supervised)} of them learnt (${percent(share, 0)}).${behind}`;
}
