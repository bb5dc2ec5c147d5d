/** What a capture holds: how much of each kind, what could not be taken, models with the day they end, jobs. */

import { Alert, Box, Group, SimpleGrid, Table, Text } from '@mantine/core';
import type { ReactElement, ReactNode } from 'react';
import type { CaptureKind, CaptureProblem, OpenAICaptureDetails } from '../../../../src/domain/openai-capture.ts';
import { openai } from '../../api.ts';
import { queries } from '../../live.ts';
import { AskFirst } from '../../parts/ask-first.tsx';
import { bytes, count, moment } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { Status } from '../../parts/status.tsx';
import { untilWords } from './captures.ts';
import classes from './leaving.module.css';
import { Objects } from './objects.tsx';
import { PageLink } from '../../parts/links.tsx';

const words: Readonly<Record<CaptureKind, readonly [one: string, many: string]>> = {
  fine_tuning_jobs: ['job', 'jobs'],
  models: ['fine-tuned model', 'fine-tuned models'],
  files: ['file', 'files'],
  evals: ['eval or run', 'evals and runs'],
  stored_completions: ['stored answer', 'stored answers'],
  recordings: ['recording', 'recordings'],
};

export function Taken({
  capture,
  isBusy,
}: {
  readonly capture: OpenAICaptureDetails;
  readonly isBusy: boolean;
}): ReactElement {
  const { id, counts, problems, problem_count, models, jobs, finished_at } = capture;
  return (
    <Panel
      title="What was taken"
      about={
        <>
          From <span className="outside">{capture.base_url}</span>, {bytes(capture.bytes)}
          {finished_at === null ? '; not all of it yet' : `; whole as of ${moment(finished_at)}`}. Every object has its
          SHA-256 in the manifest.
        </>
      }
      actions={
        <AskFirst
          words="Delete"
          question={`Delete what was taken as "${id}"?`}
          consequences="The copies on this machine go, recorded answers too. What was made of them here stays: files, jobs, models, evals. At OpenAI nothing changes; what has ended there cannot be taken again."
          verb="Delete"
          onSure={async () => {
            await openai.delete(`/openai_captures/${id}`);
            queries.removeQueries({ queryKey: ['openai-capture', id] });
            await queries.invalidateQueries({ queryKey: ['openai-captures'] });
          }}
          button={{ disabled: isBusy }}
        />
      }
    >
      <SimpleGrid cols={{ base: 2, xs: 3, md: 6 }} spacing="sm" mb="md">
        {(Object.keys(words) as CaptureKind[]).map((kind) => (
          <Box key={kind}>
            <Text fz={22} fw={600} className="figures" lh={1.2}>
              {count(counts[kind])}
            </Text>
            <Text size="xs" c="dimmed">
              {words[kind][counts[kind] === 1 ? 0 : 1]}
            </Text>
          </Box>
        ))}
      </SimpleGrid>
      {problem_count > 0 && <Problems problems={problems} total={problem_count} />}
      {models.length > 0 && (
        <Listing
          label="Fine-tuned models"
          heads={['Model', 'Turned off', 'Here']}
          rows={models.map((each) => [
            each.model,
            <>
              <span className="outside">{each.model}</span>
              {!each.listed && (
                <Text size="xs" c="dimmed">
                  OpenAI lists it no longer.
                </Text>
              )}
            </>,
            each.shutdown_date === null ? (
              <Text size="sm" c="dimmed">
                No date known
              </Text>
            ) : (
              <span className="figures">
                <time dateTime={each.shutdown_date}>{each.shutdown_date}</time>
                <Text size="xs" c="dimmed">
                  {untilWords(each.shutdown_date)}
                </Text>
              </span>
            ),
            each.here === null ? (
              <Trains job={jobs.find(({ id: of }) => of === each.job)?.here ?? null} />
            ) : (
              <Here to="/models/$id" id={each.here} />
            ),
          ])}
        />
      )}
      {jobs.length > 0 && (
        <Listing
          label="Jobs"
          heads={['Job', 'There', 'Here']}
          rows={jobs.map((each) => [
            each.id,
            <>
              <span className="outside">{each.id}</span>
              <Text size="xs" c="dimmed" className="outside">
                {each.model}, {each.method}, {moment(each.created_at)}
              </Text>
            </>,
            <Status key="status" status={each.status} />,
            each.here === null ? <NotYet /> : <Here to="/jobs/$id" id={each.here} />,
          ])}
        />
      )}
      <Objects capture={capture} />
    </Panel>
  );
}

const NotYet = (): ReactElement => (
  <Text size="sm" c="dimmed">
    Not yet
  </Text>
);

/** Its job was made here; which model came of it is seen when things are made again once more. */
const Trains = ({ job }: { readonly job: string | null }): ReactElement =>
  job === null ? <NotYet /> : <Here to="/jobs/$id" id={job} />;

const Here = ({ to, id }: { readonly to: string; readonly id: string }): ReactElement => (
  <PageLink to={to} params={{ id }} size="sm" className="outside">
    {id}
  </PageLink>
);

const rowsMax = 200;

interface ListingProps {
  readonly label: string;
  readonly heads: readonly string[];
  /** The first of each is its key. */
  readonly rows: readonly (readonly [key: string, ...cells: ReactNode[]])[];
}

function Listing({ label, heads, rows }: ListingProps): ReactElement {
  return (
    <Box mt="md" className={classes['listing']} tabIndex={0} role="region" aria-label={label}>
      <Text fw={600} size="sm" mb={4}>
        {label}
      </Text>
      <Table>
        <Table.Thead>
          <Table.Tr>
            {heads.map((head) => (
              <Table.Th key={head}>{head}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.slice(0, rowsMax).map(([key, ...cells]) => (
            <Table.Tr key={key}>
              {cells.map((cell, i) => (
                <Table.Td key={heads[i]}>{cell}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {rows.length > rowsMax && (
        <Text size="xs" c="dimmed" mt="xs">
          And {count(rows.length - rowsMax)} more.
        </Text>
      )}
    </Box>
  );
}

const reasons: Readonly<Record<CaptureProblem['reason'], string>> = {
  no_rights: 'the key has no right to it',
  not_there: 'it is not there',
  failed: 'it failed',
};
const problemsMax = 8;

function Problems({
  problems,
  total,
}: {
  readonly problems: readonly CaptureProblem[];
  readonly total: number;
}): ReactElement {
  return (
    <Alert
      color="yellow"
      title={total === 1 ? 'One thing could not be taken' : `${count(total)} things could not be taken`}
      styles={{ title: { color: 'var(--mantine-color-text)' } }}
    >
      <Box component="ul" m={0} pl="md">
        {problems.slice(0, problemsMax).map(({ kind, id, reason, message }, i) => (
          <Text component="li" size="sm" key={i} className="outside">
            {id ?? `All ${words[kind][1]}`}: {reasons[reason]}. {message}
          </Text>
        ))}
      </Box>
      {total > problemsMax && (
        <Group mt="xs">
          <Text size="sm">And {count(total - problemsMax)} more.</Text>
        </Group>
      )}
    </Alert>
  );
}
