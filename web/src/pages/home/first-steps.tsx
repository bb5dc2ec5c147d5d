/**
 * What to do first, where nothing was done yet: the quickstart as three clicks, and then the model to try.
 *
 * Every step is read off what is there, so the page can be left and loaded again in between.
 */

import { Anchor, Box, Button, Group, Text } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { IconCheck } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ComponentProps, ReactElement, ReactNode } from 'react';
import { Failure } from '../../parts/answered.tsx';
import { bytes, count, duration } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { Status } from '../../parts/status.tsx';
import { TaskProgress } from '../../parts/task-progress.tsx';
import { type Quickstart, useQuickstart } from './quickstart.ts';
import classes from './home.module.css';

export function FirstSteps(): ReactElement | null {
  const [isHidden, hide] = useLocalStorage({ key: 'tunesmith-first-steps-hidden', defaultValue: false });
  const quickstart = useQuickstart(!isHidden);
  if (isHidden || quickstart === null) return null;
  const { base, data, job } = quickstart;
  return (
    <Panel
      title="Begin here"
      about="Teach a small model to tell spam from real mail: three clicks, and everything stays on this machine."
      actions={
        <Button size="compact-sm" variant="subtle" color="gray" c="dimmed" onClick={() => hide(true)}>
          Hide
        </Button>
      }
    >
      <ol className={classes['steps']}>
        <ModelStep quickstart={quickstart} />
        <Step
          number={2}
          title="Data to learn from"
          state={data !== null ? 'done' : base === null ? 'later' : 'now'}
          action={
            data === null && (
              <Button
                size="xs"
                variant={base === null ? 'default' : 'filled'}
                loading={quickstart.makeData.isPending}
                onClick={() => quickstart.makeData.mutate()}
              >
                Add sample mails
              </Button>
            )
          }
          error={quickstart.makeData.error}
        >
          {data === null ? (
            <>
              400 real mails, each with the answer “spam” or “ham”; 250 more are kept to check with. Or{' '}
              <Within to="/files">bring data of your own</Within>.
            </>
          ) : (
            <>
              <Within to="/files/$id" params={{ id: data.training } as never}>
                spam-train.jsonl
              </Within>{' '}
              and two files to check with are here.
            </>
          )}
        </Step>
        <TrainStep quickstart={quickstart} />
        <Step
          number={4}
          title="Try it"
          state={job?.status === 'succeeded' ? 'now' : 'later'}
          action={
            job?.status === 'succeeded' &&
            job.fine_tuned_model !== null && (
              <Button
                size="xs"
                renderRoot={(props) => (
                  <Link to="/playground" search={{ model: job.fine_tuned_model } as never} {...props} />
                )}
              >
                Open the playground
              </Button>
            )
          }
        >
          {job?.status === 'succeeded'
            ? 'Your model answers. Paste a mail and see what it says.'
            : 'When it is trained, ask it about a mail of your own.'}
        </Step>
      </ol>
    </Panel>
  );
}

function ModelStep({ quickstart }: { readonly quickstart: Quickstart }): ReactElement {
  const { base, wanted, pull, startPull } = quickstart;
  const title = 'A model to teach';
  if (base !== null)
    return (
      <Step number={1} title={title} state="done">
        <span className="outside">{base.name}</span> is on this machine.
      </Step>
    );
  return (
    <Step
      number={1}
      title={title}
      state="now"
      action={
        wanted !== null &&
        (pull === null || pull.status === 'failed' || pull.status === 'cancelled') && (
          <Button size="xs" loading={startPull.isPending} onClick={() => startPull.mutate(wanted.id)}>
            Fetch it ({bytes(wanted.size_bytes)})
          </Button>
        )
      }
      error={startPull.error}
      below={pull !== null && <TaskProgress task={pull} label={`Fetching ${wanted?.name ?? 'the model'}`} />}
    >
      {wanted === null ? (
        <>
          No model that can be trained is here. <Within to="/models">See which there are</Within>.
        </>
      ) : (
        `${wanted.name} is small and quick to train. It is fetched once, and then kept.`
      )}
    </Step>
  );
}

function TrainStep({ quickstart }: { readonly quickstart: Quickstart }): ReactElement {
  const { base, data, job, seconds, train } = quickstart;
  const isReady = base !== null && data !== null;
  const isOver = job !== null && ['succeeded', 'failed', 'cancelled'].includes(job.status);
  const canTrain = isReady && (job === null || (isOver && job.status !== 'succeeded'));
  return (
    <Step
      number={3}
      title="Train"
      state={job?.status === 'succeeded' ? 'done' : isReady ? 'now' : 'later'}
      action={
        canTrain ? (
          <Button size="xs" loading={train.isPending} onClick={() => train.mutate()}>
            Start training
          </Button>
        ) : (
          job !== null && <Status status={job.status} />
        )
      }
      error={train.error}
    >
      {job === null ? (
        <>
          The model reads every mail three times and learns to answer like the examples.
          {isReady && seconds !== null && ` That takes about ${duration(seconds)} on this machine.`}
        </>
      ) : (
        <>
          <Within to="/jobs/$id" params={{ id: job.id } as never}>
            {job.status === 'succeeded' ? 'See how it went' : 'Watch it learn'}
          </Within>
          {job.trained_tokens !== null && `: it read ${count(job.trained_tokens)} tokens.`}
        </>
      )}
    </Step>
  );
}

/** A link in a sentence, which colour alone would not show. */
const Within = (props: ComponentProps<typeof Link>): ReactElement => (
  <Anchor size="sm" underline="always" renderRoot={(given) => <Link {...given} {...props} />} />
);

interface StepProps {
  readonly number: number;
  readonly title: string;
  readonly state: 'done' | 'now' | 'later';
  readonly action?: ReactNode;
  readonly error?: unknown;
  readonly below?: ReactNode;
  readonly children: ReactNode;
}

function Step({ number, title, state, action, error, below, children }: StepProps): ReactElement {
  const isDone = state === 'done';
  return (
    <li
      className={`${classes['step']} ${classes[state] ?? ''}`}
      {...(state === 'now' && { 'aria-current': 'step' as const })}
    >
      <span className={classes['mark']} aria-hidden>
        {isDone ? <IconCheck size={16} stroke={2.5} /> : number}
      </span>
      <Box style={{ minWidth: 0 }}>
        <Text fw={600} size="sm">
          {title}
          {isDone && <span className="spoken-only">: done</span>}
        </Text>
        <Text size="sm" c="dimmed" component="div">
          {children}
        </Text>
      </Box>
      <Group className={classes['action']}>{action}</Group>
      {(below || error != null) && (
        <Box className={classes['below']}>
          {below}
          {error != null && <Failure error={error} />}
        </Box>
      )}
    </li>
  );
}
