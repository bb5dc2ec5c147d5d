/** One export: how far it is, or its files. */

import { Anchor, Button, Group, Table, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import type { ExportTest } from '../../../../src/domain/base-model.ts';
import { openai } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { bytes, count, counted, fromNow, moment } from '../../parts/numbers.ts';
import { isOver, startTask, TaskProgress } from '../../parts/task-progress.tsx';
import { shortName } from './figures.ts';
import type { ExportTask } from './exports.tsx';
import { formats, precisions } from './formats.ts';
import classes from './models.module.css';

const changes = [['tasks'], ['fine-tuned-models']];

export function Exported({ task }: { readonly task: ExportTask }): ReactElement {
  const { id, result, created_at: createdAt, status } = task;
  const again = useAct(() => startTask('export', { continue_from: id }), { changes });
  const remove = useAct(() => openai.delete(`/tasks/${id}`), { changes });
  const title = titleOf(task);
  return (
    <section className={classes['export']} aria-label={title}>
      <Group justify="space-between" gap="xs" mb="xs">
        <Text size="sm">
          <Text span fw={600}>
            {title}
          </Text>{' '}
          <Text span c="dimmed">
            <time title={moment(createdAt)}>{fromNow(createdAt)}</time>
          </Text>
        </Text>
        {isOver(task) && (
          <Group gap="xs">
            {result !== null && (
              <Button
                component="a"
                href={`/v1/tasks/${id}/archive?name=${archiveName(task)}`}
                download
                size="compact-sm"
                variant="default"
                leftSection={<IconDownload size={14} aria-hidden />}
              >
                Download all
              </Button>
            )}
            {(status === 'failed' || status === 'cancelled') && (
              <Button size="compact-sm" variant="default" loading={again.isPending} onClick={() => again.mutate()}>
                Try again
              </Button>
            )}
            <AskFirst
              words="Delete"
              question="Delete this export?"
              consequences="Its files are removed from this machine. The model stays, and can be exported again."
              verb="Delete"
              onSure={() => remove.mutateAsync()}
              button={{ size: 'compact-sm' }}
            />
          </Group>
        )}
      </Group>
      {result === null ? (
        <TaskProgress task={task} label="Waiting for its turn" />
      ) : (
        <>
          <Text size="sm" c="dimmed" mb="xs">
            {toldOf(result.tested)}
          </Text>
          <Table.ScrollContainer minWidth={320} type="native">
            <Table verticalSpacing={4}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>File</Table.Th>
                  <Table.Th ta="right">Size</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {[...result.files, sums].map(({ name, bytes: size }) => (
                  <Table.Tr key={name}>
                    <Table.Td>
                      <Anchor
                        href={`/v1/tasks/${id}/files/${encodeURIComponent(name)}`}
                        download={name.split('/').at(-1)}
                        size="sm"
                        className="outside"
                      >
                        <IconDownload size={14} aria-hidden style={{ verticalAlign: '-2px' }} /> {name}
                      </Anchor>
                    </Table.Td>
                    <Table.Td ta="right" className="figures">
                      {size === null ? '' : bytes(size)}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </>
      )}
      {again.isError && <Failure error={again.error} />}
    </section>
  );
}

/** "words-AbCd1234-gguf"; letters of other kinds are left to the model card. */
const archiveName = ({ request }: ExportTask): string =>
  `${shortName(request.model)}-${request.format}`
    .replaceAll(/[^\w.-]+/g, '-')
    .replace(/^[^\w]+/, '')
    .slice(-100);

/** Made last, of all the others. */
const sums = { name: 'SHA256SUMS', bytes: null };

function titleOf({ request, result }: ExportTask): string {
  const words = formats.find(({ name }) => name === request.format)?.words ?? request.format;
  const asked = result?.precision ?? request.precision;
  const precision = request.format === 'peft' ? undefined : precisions.find(({ value }) => value === asked)?.label;
  return [words, ...(precision === undefined ? [] : [`${precision.toLowerCase()} precision`])].join(', ');
}

function toldOf(tested: NonNullable<ExportTask['result']>['tested']): string {
  const all = Object.values(tested);
  if (all.length === 0) return 'Ready.';
  const sum = (what: (test: ExportTest) => number): number => all.reduce((total, test) => total + what(test), 0);
  const asked = `Loaded again and asked ${counted(
    sum(({ probes }) => probes),
    'question',
  )}`;
  if (all.every(({ probes, sameAnswers }) => sameAnswers === probes))
    return `${asked}: every answer is the model’s, to the letter.`;
  const same = `${count(sum(({ sameTokens }) => sameTokens))} of ${counted(
    sum(({ tokens }) => tokens),
    'token',
  )}`;
  return `${asked}: ${same} of its answers are the model’s. Where they differ, the model itself was nearly undecided.`;
}
