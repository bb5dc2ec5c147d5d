/** One model's answer: what it says while it says it, how long it took, and what can be done with it. */

import { ActionIcon, Box, Button, Group, Text, Title, Tooltip } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { type ReactElement, useId } from 'react';
import { Failure } from '../../parts/answered.tsx';
import { count, duration, percent } from '../../parts/numbers.ts';
import { Status } from '../../parts/status.tsx';
import { type Answer, type AnswerStream, useAnswer } from './answers.ts';
import classes from './playground.module.css';
import { Tokens } from './tokens.tsx';

interface AnswerColumnProps {
  readonly stream: AnswerStream;
  readonly onSave: (answer: Answer) => void;
  readonly onGoOn: (answer: Answer) => void;
}

const words: Readonly<Record<Answer['state'], readonly [status: string, words: string]>> = {
  waiting: ['queued', 'Waiting'],
  speaking: ['running', 'Answering'],
  done: ['succeeded', 'Done'],
  stopped: ['cancelled', 'Stopped'],
  failed: ['failed', 'Failed'],
};

export function AnswerColumn({ stream, onSave, onGoOn }: AnswerColumnProps): ReactElement {
  const answer = useAnswer(stream);
  const id = useId();
  const clipboard = useClipboard();
  const { model, state, text, blocks, calls, labels, error } = answer;
  const [status, said] = words[state];
  const isOver = !['waiting', 'speaking'].includes(state);
  const hasWords = text !== '' || calls.length > 0;
  return (
    <Box component="article" className={`panel ${classes['answer']}`} aria-labelledby={id} aria-busy={!isOver}>
      <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
        <Title order={2} size="h3" id={id} className="outside" fw={600}>
          {model}
        </Title>
        <Status status={status} words={said} />
      </Group>
      <Box className={classes['said']}>
        {error !== null && <Failure error={new Error(error)} />}
        {blocks.length > 0 && text !== '' ? (
          <Tokens model={model} blocks={blocks} />
        ) : (
          <Text className="outside">{text}</Text>
        )}
        {calls.map((call, i) => (
          <Call key={i} {...call} />
        ))}
        {isOver && !hasWords && error === null && (
          <Text size="sm" c="dimmed">
            {state === 'stopped' ? 'Stopped before the first word.' : 'The model ended without a word.'}
          </Text>
        )}
        {labels.length > 0 && <Labels labels={labels} />}
      </Box>
      <Measures answer={answer} />
      {isOver && hasWords && (
        <Group gap="xs" mt="sm">
          <Button size="compact-sm" variant="default" onClick={() => onSave(answer)} aria-haspopup="dialog">
            Save as training example
          </Button>
          {calls.length === 0 && (
            <Button size="compact-sm" variant="default" onClick={() => onGoOn(answer)}>
              Go on from here
            </Button>
          )}
          <Tooltip label={clipboard.copied ? 'Copied' : 'Copy'}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={clipboard.copied ? 'Copied' : `Copy the answer of ${model}`}
              onClick={() => clipboard.copy(text === '' ? JSON.stringify(calls, null, 2) : text)}
            >
              {clipboard.copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
            </ActionIcon>
          </Tooltip>
        </Group>
      )}
    </Box>
  );
}

function Call({ name, arguments: given }: Answer['calls'][number]): ReactElement {
  return (
    <Box className={classes['call']}>
      <Text size="xs" c="dimmed">
        Calls the tool <span className="mono">{name}</span> with
      </Text>
      <pre className="mono outside">{pretty(given)}</pre>
    </Box>
  );
}

/** A call that is being written is no JSON yet. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

const labelsShown = 6;

function Labels({ labels }: Pick<Answer, 'labels'>): ReactElement {
  return (
    <Box mt="sm">
      <Text size="xs" c="dimmed" mb={4}>
        How probable each answer was that the model knows
      </Text>
      {labels.slice(0, labelsShown).map(({ label, probability }) => (
        <div key={label} className={classes['chance']}>
          <span className={classes['name']}>{label}</span>
          <span className="figures">{percent(probability)}</span>
          <span className={classes['bar']} style={{ width: `${Math.max(1, 100 * probability)}%` }} aria-hidden />
        </div>
      ))}
    </Box>
  );
}

function Measures({ answer: { firstMs, totalMs, usage, finish, state } }: { readonly answer: Answer }): ReactElement {
  const speaking = firstMs === null || totalMs === null ? null : (totalMs - firstMs) / 1000;
  const speed = usage === null || speaking === null || usage.completion < 2 ? null : (usage.completion - 1) / speaking;
  const parts = [
    firstMs !== null && `first word after ${duration(firstMs / 1000)}`,
    totalMs !== null && state !== 'failed' && `${duration(totalMs / 1000)} in all`,
    usage !== null && `${count(usage.prompt)} tokens in, ${count(usage.completion)} out`,
    speed !== null && Number.isFinite(speed) && `${speed.toFixed(speed < 10 ? 1 : 0)} tokens a second`,
  ].filter((part) => part !== false);
  return (
    <Text size="xs" c="dimmed" className="figures" mt="sm">
      {parts.join(' · ')}
      {finish === 'length' && (
        <Text span size="xs" display="block" c="var(--wait)">
          Cut off at the longest answer that you allow.
        </Text>
      )}
    </Text>
  );
}
