/** What the job would take, as it is now, and the button that starts it. */

import { Alert, Box, Button, Group, List, Progress, Spoiler, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { JobEstimate } from '../../../../src/domain/estimate.ts';
import { Failure } from '../../parts/answered.tsx';
import { Facts } from '../../parts/facts.tsx';
import { bytes, count, counted, dollars, duration, percent } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { PageLink } from '../../parts/links.tsx';

interface EstimatePanelProps {
  readonly estimate: JobEstimate | undefined;
  readonly error: unknown;
  readonly isCounting: boolean;
  readonly hasFile: boolean;
  readonly trainingFile: string | null;
  readonly onStart: () => void;
  readonly isStarting: boolean;
}

export function EstimatePanel(props: EstimatePanelProps): ReactElement {
  const { estimate, error, isCounting, hasFile, trainingFile, onStart, isStarting } = props;
  const isReady = estimate !== undefined && estimate.failure === null && estimate.memory.fits && error === null;
  return (
    <Panel title="What it takes">
      {!hasFile && (
        <Text size="sm" c="dimmed">
          Choose a training file, and here stands how long it takes and what it needs. Nothing starts before you say so.
        </Text>
      )}
      {error !== null && <Failure error={error} />}
      {hasFile && estimate === undefined && error === null && (
        <Text size="sm" c="dimmed" role="status">
          Reading the examples…
        </Text>
      )}
      {estimate !== undefined && (
        <Box style={{ opacity: isCounting ? 0.6 : 1 }} aria-busy={isCounting}>
          <Told estimate={estimate} trainingFile={trainingFile} />
        </Box>
      )}
      <div role="status" className="spoken-only">
        {estimate !== undefined && !isCounting ? spoken(estimate) : ''}
      </div>
      <Button fullWidth mt="lg" size="md" disabled={!isReady} loading={isStarting} onClick={onStart}>
        Start training
      </Button>
    </Panel>
  );
}

interface ToldProps {
  readonly estimate: JobEstimate;
  readonly trainingFile: string | null;
}

function Told({ estimate, trainingFile }: ToldProps): ReactElement {
  const { tokens, steps, memory, examples, counted: how, failure, warnings } = estimate;
  const about = how === 'sample' ? 'about ' : '';
  const share = memory.bytes / memory.limit_bytes;
  return (
    <>
      <Facts
        facts={[
          ['Examples', `${about}${count(examples)}`],
          ['Tokens to train', `${about}${count(tokens.trained)}, of which ${count(tokens.per_epoch)} in each epoch`],
          [
            'That teach',
            `${percent(tokens.supervised_per_epoch / Math.max(1, tokens.per_epoch), 0)} of them are answers`,
          ],
          ['Steps', count(steps)],
          ['Time', timeInWords(estimate)],
          ['Memory', `${bytes(memory.bytes)} of ${bytes(memory.limit_bytes)}`],
        ]}
      />
      <Progress.Root mt={4}>
        <Progress.Section
          value={Math.min(100, share * 100)}
          color={memory.fits ? 'ink' : 'red'}
          aria-label="Share of this machine’s memory"
        />
      </Progress.Root>
      {!memory.fits && (
        <Alert color="red" mt="md" title="It does not fit into memory">
          <Text size="sm">{memory.message}</Text>
        </Alert>
      )}
      {failure !== null && (
        <Alert color="red" mt="md" title="The job would fail">
          <Text size="sm" className="outside">
            {failure.message}
          </Text>
          {trainingFile !== null && failure.param === 'training_file' && (
            <PageLink to="/files/$id" params={{ id: trainingFile }} size="sm">
              Look at the file and mend it
            </PageLink>
          )}
        </Alert>
      )}
      {warnings.length > 0 && (
        <Alert color="yellow" mt="md" title={counted(warnings.length, 'remark')}>
          <Spoiler maxHeight={140} showLabel="Show all" hideLabel="Show less">
            <List size="sm" spacing={6}>
              {warnings.map((warning) => (
                <List.Item key={warning} className="outside">
                  {warning}
                </List.Item>
              ))}
            </List>
          </Spoiler>
        </Alert>
      )}
      <Price estimate={estimate} />
    </>
  );
}

/** A guess is told as one; the job measures before it trains. */
function timeInWords({ seconds, seconds_reckoned: guess }: JobEstimate): string {
  if (seconds !== null) return `about ${duration(seconds)}`;
  return `something like ${duration(Number(guess.toPrecision(1)))}, guessed from the size of the model; a job measures first`;
}

function Price({ estimate: { openai } }: { readonly estimate: JobEstimate }): ReactElement | null {
  if (openai === null)
    return (
      <Text size="sm" c="dimmed" mt="md">
        Counting what it cost at OpenAI…
      </Text>
    );
  if (openai.prices.length === 0) return null;
  const sorted = [...openai.prices].sort((a, b) => a.usd - b.usd);
  return (
    <Box mt="md">
      <Text size="sm" fw={600} mb={4}>
        At OpenAI the same training cost
      </Text>
      {sorted.map(({ model, usd }) => (
        <Group key={model} justify="space-between" gap="sm">
          <Text size="sm" c="dimmed">
            {model}
          </Text>
          <Text size="sm" className="figures">
            {usd < 0.01 ? 'less than $0.01' : dollars(usd)}
          </Text>
        </Group>
      ))}
      <Text size="xs" c="dimmed" mt={4}>
        {openai.source}
      </Text>
    </Box>
  );
}

function spoken({ tokens, seconds, memory, failure }: JobEstimate): string {
  if (failure !== null) return `The job would fail: ${failure.message}`;
  const time = seconds === null ? 'The time is not known' : `About ${duration(seconds)}`;
  return `${time}, ${count(tokens.trained)} tokens, ${bytes(memory.bytes)} of memory${memory.fits ? '' : ', which is too much'}.`;
}
