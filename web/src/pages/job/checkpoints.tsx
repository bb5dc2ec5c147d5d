/** The models that a job made, one for the end of each of its last epochs: to try, compare, go on from and export. */

import { Badge, Box, Button, Checkbox, Group, Menu, Table, Text } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import { type ReactElement, useState } from 'react';
import type { Checkpoint } from '../../../../src/domain/checkpoint.ts';
import type { Job } from '../../../../src/domain/job.ts';
import { type ListOf, openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { Empty } from '../../parts/empty.tsx';
import { count, decimal, percent } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { isOver } from '../../parts/training/jobs.ts';
import { PageButton, PageMenuItem } from '../../parts/links.tsx';

const about =
  'Each is a model of its own, as it was at the end of an epoch. The last one, or the best, is what the job made.';

export function Checkpoints({ job }: { readonly job: Job }): ReactElement | null {
  const query = useLive(
    ['job', job.id, 'checkpoints', job.status],
    (signal) =>
      openai.get<ListOf<Checkpoint>>(`/fine_tuning/jobs/${job.id}/checkpoints`, { query: { limit: 100 }, signal }),
    { enabled: job.status === 'succeeded', every: 5000 },
  );
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  if (job.status !== 'succeeded')
    return isOver(job) ? null : (
      <Panel title="Checkpoints">
        <Text size="sm" c="dimmed">
          When the job is done, the models of its last epochs are here: to try, to compare, to go on from and to export.
        </Text>
      </Panel>
    );

  function toggle(model: string): void {
    const next = new Set(chosen);
    if (!next.delete(model)) next.add(model);
    setChosen(next);
  }

  const models = [...chosen];
  const rowOf = (checkpoint: Checkpoint): RowProps => ({
    checkpoint,
    job,
    isChosen: chosen.has(checkpoint.fine_tuned_model_checkpoint),
    onToggle: () => toggle(checkpoint.fine_tuned_model_checkpoint),
  });
  return (
    <Panel
      title="Checkpoints"
      about={about}
      flush
      actions={
        <>
          <PageButton size="xs" variant="default" disabled={models.length < 2} to="/playground" search={{ models }}>
            Ask side by side
          </PageButton>
          <PageButton
            size="xs"
            variant="default"
            disabled={models.length < 2}
            to="/evaluations/compare"
            search={{ models }}
          >
            Compare by test
          </PageButton>
        </>
      }
    >
      <Answered query={query}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="No checkpoint is left">Its models were deleted.</Empty>
          ) : (
            <>
              <Box hiddenFrom="sm">
                {data.map((checkpoint) => (
                  <Card key={checkpoint.id} {...rowOf(checkpoint)} />
                ))}
              </Box>
              <Table visibleFrom="sm">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th w={40}>
                      <span className="spoken-only">Compare</span>
                    </Table.Th>
                    <Table.Th ta="right">Step</Table.Th>
                    <Table.Th>Model</Table.Th>
                    <Table.Th ta="right">Validation loss</Table.Th>
                    <Table.Th ta="right">Tokens right</Table.Th>
                    <Table.Th ta="right">What to do</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {data.map((checkpoint) => (
                    <Row key={checkpoint.id} {...rowOf(checkpoint)} />
                  ))}
                </Table.Tbody>
              </Table>
            </>
          )
        }
      </Answered>
    </Panel>
  );
}

interface RowProps {
  readonly checkpoint: Checkpoint;
  readonly job: Job;
  readonly isChosen: boolean;
  readonly onToggle: () => void;
}

function Row({ checkpoint, job, isChosen, onToggle }: RowProps): ReactElement {
  const { fine_tuned_model_checkpoint: model, step_number: step } = checkpoint;
  const { loss, right } = figuresOf(checkpoint);
  return (
    <Table.Tr>
      <Table.Td>
        <Checkbox checked={isChosen} onChange={onToggle} aria-label={`Compare the checkpoint of step ${step}`} />
      </Table.Td>
      <Table.Td ta="right" className="figures">
        {count(step)}
      </Table.Td>
      <Table.Td>
        <Name model={model} isTheModel={model === job.fine_tuned_model} />
      </Table.Td>
      <Table.Td ta="right" className="figures">
        {loss}
      </Table.Td>
      <Table.Td ta="right" className="figures">
        {right}
      </Table.Td>
      <Table.Td>
        <Acts checkpoint={checkpoint} job={job} />
      </Table.Td>
    </Table.Tr>
  );
}

/** The same on a phone. */
function Card({ checkpoint, job, isChosen, onToggle }: RowProps): ReactElement {
  const { fine_tuned_model_checkpoint: model, step_number: step } = checkpoint;
  const { loss, right } = figuresOf(checkpoint);
  return (
    <Box p="md" style={{ borderTop: '1px solid var(--line)' }}>
      <Group justify="space-between" mb={4} wrap="nowrap">
        <Checkbox
          checked={isChosen}
          onChange={onToggle}
          label={`Step ${count(step)}`}
          aria-label={`Step ${count(step)}: compare this checkpoint`}
        />
        <Text size="sm" c="dimmed" className="figures">
          Loss {loss} · {right} right
        </Text>
      </Group>
      <Name model={model} isTheModel={model === job.fine_tuned_model} />
      <Box mt="sm">
        <Acts checkpoint={checkpoint} job={job} />
      </Box>
    </Box>
  );
}

function figuresOf({ metrics }: Checkpoint): { loss: string; right: string } {
  const loss = metrics.full_valid_loss ?? metrics.valid_loss;
  const right = metrics.full_valid_mean_token_accuracy ?? metrics.valid_mean_token_accuracy;
  return { loss: loss == null ? '–' : decimal(loss), right: right == null ? '–' : percent(right) };
}

function Name({ model, isTheModel }: { readonly model: string; readonly isTheModel: boolean }): ReactElement {
  return (
    <Group gap="xs" wrap="nowrap">
      <Text size="sm" className="mono outside">
        {model}
      </Text>
      {isTheModel && (
        <Badge variant="light" size="sm" style={{ flex: 'none', textTransform: 'none' }}>
          the model
        </Badge>
      )}
    </Group>
  );
}

function Acts({ checkpoint, job }: Pick<RowProps, 'checkpoint' | 'job'>): ReactElement {
  const { fine_tuned_model_checkpoint: model, step_number: step } = checkpoint;
  return (
    <Group gap={6} justify="flex-end" wrap="nowrap">
      <PageButton size="compact-sm" variant="default" to="/playground" search={{ model }}>
        Try
      </PageButton>
      <PageButton size="compact-sm" variant="default" to="/jobs/new" search={{ model }}>
        Continue from here
      </PageButton>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button size="compact-sm" variant="default" px={6} aria-label={`More for the checkpoint of step ${step}`}>
            <IconDots size={16} aria-hidden />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {model !== job.fine_tuned_model && job.fine_tuned_model !== null && (
            <PageMenuItem to="/evaluations/compare" search={{ models: [job.fine_tuned_model, model] }}>
              Compare with the model
            </PageMenuItem>
          )}
          <PageMenuItem to="/models/$id" params={{ id: model }} hash="export">
            Export
          </PageMenuItem>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}
