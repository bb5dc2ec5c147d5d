/** What came of a run's items: filtered, the worst first, more as one asks for them; each with what was asked and said. */

import {
  Box,
  Button,
  Group,
  Modal,
  SegmentedControl,
  Select,
  Stack,
  Text,
  TextInput,
  UnstyledButton,
} from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { type ReactElement, useEffect, useState } from 'react';
import type { OutputItem } from '../../../../src/domain/eval.ts';
import type { CriterionReport } from '../../../../src/domain/evaluation.ts';
import { openai, type ListOf } from '../../api.ts';
import { useAct, useLive, useOnce } from '../../live.ts';
import { Answered, Failure } from '../../parts/answered.tsx';
import { Empty } from '../../parts/empty.tsx';
import { decimal } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { saveFile } from '../../parts/save-file.ts';
import { Status } from '../../parts/status.tsx';
import classes from './output-items.module.css';

const pageSize = 25;
const slowlyMs = 4000;

interface ItemsProps {
  readonly path: string;
  readonly runId: string;
  readonly isOver: boolean;
  readonly criteria: readonly CriterionReport[];
}

export function Items({ path, runId, isOver, criteria }: ItemsProps): ReactElement {
  const [status, setStatus] = useState('');
  const [order, setOrder] = useState('worst');
  const [failed, setFailed] = useState<string | null>(null);
  const [text, setText] = useState('');
  const [query] = useDebouncedValue(text.trim(), 300);
  const [shown, setShown] = useState(pageSize);
  useEffect(() => setShown(pageSize), [status, order, failed, query]);
  const asked = {
    limit: shown,
    order: order === 'best' ? 'desc' : 'asc',
    order_by: order === 'judged' ? 'created_at' : 'score',
    ...(status !== '' && { status }),
    ...(failed !== null && { failed }),
    ...(query !== '' && { query }),
  };
  const items = useLive(
    ['run-items', runId, isOver, asked],
    (signal) => openai.get<ListOf<OutputItem>>(`${path}/output_items`, { query: asked, signal }),
    { every: isOver ? false : slowlyMs, keepsPrevious: true },
  );
  const save = useAct(() => everything(path, asked), {
    onDone: (lines) => saveFile(`${runId}.jsonl`, lines, 'application/jsonl;charset=utf-8'),
  });
  return (
    <Panel
      title="Items"
      flush
      actions={
        <Button size="compact-sm" variant="default" loading={save.isPending} onClick={() => save.mutate(undefined)}>
          Download these
        </Button>
      }
    >
      <Group px="md" pb="sm" gap="sm" align="flex-end">
        <SegmentedControl
          size="xs"
          aria-label="Which items"
          value={status}
          onChange={setStatus}
          data={[
            { value: '', label: 'All' },
            { value: 'fail', label: 'Failed' },
            { value: 'error', label: 'Errors' },
            { value: 'pass', label: 'Passed' },
          ]}
        />
        <Select
          size="xs"
          w={170}
          aria-label="In which order"
          allowDeselect={false}
          value={order}
          onChange={(value) => setOrder(value ?? 'worst')}
          data={[
            { value: 'worst', label: 'Worst first' },
            { value: 'best', label: 'Best first' },
            { value: 'judged', label: 'As they were judged' },
          ]}
        />
        {criteria.length > 1 && (
          <Select
            size="xs"
            w={200}
            aria-label="Which grader they failed"
            placeholder="Any grader"
            clearable
            clearButtonProps={{ 'aria-label': 'Any grader' }}
            value={failed}
            onChange={setFailed}
            data={criteria.map(({ id, name }) => ({ value: id, label: `failed: ${name}` }))}
          />
        )}
        <TextInput
          size="xs"
          placeholder="Search in questions and answers"
          aria-label="Search in questions and answers"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          style={{ flex: '1 1 12rem' }}
        />
      </Group>
      {save.isError && <Failure error={save.error} />}
      <Answered query={items}>
        {({ data, has_more: hasMore }) =>
          data.length === 0 ? (
            <Empty title={isOver ? 'No such item' : 'Nothing yet'} />
          ) : (
            <>
              <ol className={classes['list']} aria-label="Items">
                {data.map((item) => (
                  <li key={item.id} className={classes['item']}>
                    <Item item={item} criteria={criteria} />
                  </li>
                ))}
              </ol>
              {hasMore && (
                <Group justify="center" p="md">
                  <Button
                    variant="default"
                    size="xs"
                    loading={items.isFetching && items.isPlaceholderData}
                    onClick={() => setShown(Math.min(1000, shown * 2))}
                  >
                    Show more
                  </Button>
                </Group>
              )}
            </>
          )
        }
      </Answered>
    </Panel>
  );
}

/** All that fit, page by page. */
async function everything(path: string, asked: object): Promise<string> {
  const lines: string[] = [];
  for (let after: string | undefined; ;) {
    const query = { ...asked, limit: 1000, ...(after !== undefined && { after }) };
    const page = await openai.get<ListOf<OutputItem>>(`${path}/output_items`, { query });
    lines.push(...page.data.map((item) => `${JSON.stringify(item)}\n`));
    if (!page.has_more) return lines.join('');
    after = page.data.at(-1)!.id;
  }
}

export function Item({
  item,
  criteria,
}: {
  readonly item: OutputItem;
  readonly criteria?: readonly CriterionReport[];
}): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const { status, datasource_item_id: number, sample, results } = item;
  const answer = sample.output.map(({ content }) => content ?? '').join('\n');
  const nameOf = (id: string): string =>
    criteria?.find((each) => each.id === id)?.name ?? id.replace(/-[0-9a-f-]{36}$/, '');
  return (
    <>
      <UnstyledButton className={classes['head']} onClick={() => setOpen(!isOpen)} aria-expanded={isOpen}>
        <span className={classes['status']}>
          <Status status={status} />
        </span>
        <Text component="span" size="sm" truncate className={classes['question']}>
          {questionOf(item)}
        </Text>
        <Text component="span" size="sm" truncate c="dimmed" className={classes['answer']}>
          {sample.error?.message ?? answer}
        </Text>
        <Text component="span" size="sm" className={`figures ${classes['score']}`}>
          {results.map(({ score }) => decimal(score, 3)).join(' · ')}
        </Text>
      </UnstyledButton>
      {isOpen && (
        <Stack gap="sm" className={classes['body']}>
          <Said
            title="Asked"
            text={
              sample.input.length === 0
                ? questionOf(item)
                : sample.input.map(({ role, content }) => `${role}: ${content}`).join('\n\n')
            }
          />
          <Said
            title="Answered"
            text={sample.error === null ? answer : `${sample.error.code}: ${sample.error.message}`}
          />
          <Said title={`Item ${number}`} text={JSON.stringify(item.datasource_item, null, 2)} isCode />
          <Box>
            <Text size="xs" c="dimmed" mb={4}>
              Graders
            </Text>
            {results.map(({ name, score, passed, ...rest }) => {
              const problem = (rest['error'] as { message?: string } | undefined)?.message;
              return (
                <Group key={name} gap="sm" wrap="nowrap" align="flex-start">
                  <Status status={problem !== undefined ? 'error' : passed ? 'pass' : 'fail'} />
                  <Text size="sm" className="outside">
                    {nameOf(name)}: {problem ?? decimal(score, 3)}
                    {typeof rest['label'] === 'string' && ` (${rest['label']})`}
                  </Text>
                </Group>
              );
            })}
          </Box>
        </Stack>
      )}
    </>
  );
}

function Said({
  title,
  text,
  isCode = false,
}: {
  readonly title: string;
  readonly text: string;
  readonly isCode?: boolean;
}): ReactElement {
  return (
    <Box>
      <Text size="xs" c="dimmed" mb={2}>
        {title}
      </Text>
      <Text
        size="sm"
        className={isCode ? 'outside mono' : 'outside'}
        component="pre"
        m={0}
        ff={isCode ? 'monospace' : 'text'}
      >
        {text === '' ? '–' : text}
      </Text>
    </Box>
  );
}

/** What was asked last, or what the item says first. */
function questionOf({ sample, datasource_item: item }: OutputItem): string {
  const asked = sample.input.findLast(({ role }) => role === 'user')?.content;
  if (asked !== undefined) return asked;
  const text = Object.values(item).find((value) => typeof value === 'string');
  return typeof text === 'string' ? text : JSON.stringify(item);
}

interface CellItemsProps {
  readonly path: string;
  readonly title: string;
  readonly of: number;
  readonly ids: readonly string[];
  readonly onClose: () => void;
}

/** The items behind a cell of the confusion matrix. */
export function CellItems({ path, title, of, ids, onClose }: CellItemsProps): ReactElement {
  const items = useOnce(['cell-items', ...ids], (signal) =>
    Promise.all(ids.map((id) => openai.get<OutputItem>(`${path}/output_items/${id}`, { signal }))),
  );
  return (
    <Modal opened onClose={onClose} title={title} size="xl" closeButtonProps={{ 'aria-label': 'Close' }}>
      {ids.length < of && (
        <Text size="sm" c="dimmed" mb="sm">
          {ids.length} of {of}, those the model was surest of first.
        </Text>
      )}
      <Answered query={items}>
        {(found) => (
          <ol className={classes['list']}>
            {found.map((item) => (
              <li key={item.id} className={classes['item']}>
                <Item item={item} />
              </li>
            ))}
          </ol>
        )}
      </Answered>
    </Modal>
  );
}
