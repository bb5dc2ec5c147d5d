/** The examples of a file, page by page: read, as a model sees them, edited, accepted, left out. */

import { Button, Group, NumberInput, Select, Switch, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type ReactElement, useEffect, useState } from 'react';
import type { FileExample } from '../../../../src/domain/file-example.ts';
import type { FileObject } from '../../../../src/domain/file.ts';
import { openai, type ListOf } from '../../api.ts';
import { Failure, Waiting } from '../../parts/answered.tsx';
import { Empty } from '../../parts/empty.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Example } from './example.tsx';
import { useLook } from './look.ts';
import { MaskLegend } from './mask.tsx';
import { SaveEdits } from './save-edits.tsx';
import classes from './files.module.css';
import { useModels } from '../../parts/models.ts';

const pageLength = 10;
const restMs = 300;

interface ExamplesProps {
  readonly file: FileObject;
  /** The base model that the check counted with. */
  readonly base: string | null;
}

export function Examples({ file, base }: ExamplesProps): ReactElement {
  const [{ lines, query, faulty, from }, look] = useLook();
  const [words, setWords] = useState(query ?? '');
  const [wanted] = useDebouncedValue(words, restMs);
  const [model, setModel] = useState<string | null>(null);
  const models = useModels({ every: false });
  useEffect(() => {
    if (wanted !== (query ?? '')) look({ query: wanted });
  }, [wanted]);

  const pages = useInfiniteQuery({
    queryKey: ['examples', file.id, lines, query, faulty, from, model],
    queryFn: ({ pageParam, signal }) =>
      openai.get<ListOf<FileExample>>(`/files/${file.id}/examples`, {
        query: {
          limit: pageLength,
          after: pageParam,
          ...(lines !== null && { lines }),
          ...(query !== null && { query }),
          ...(faulty && { faulty: 'true' }),
          ...(model !== null && { model }),
        },
        signal,
      }),
    initialPageParam: from === null ? 0 : from - 1,
    getNextPageParam: ({ data, has_more: more }) => (more ? data.at(-1)?.line : undefined),
    staleTime: Infinity,
  });
  const rows = pages.data?.pages.flatMap(({ data }) => data) ?? null;
  const names = (models.data ?? []).map(({ id }) => id);
  return (
    <>
      <Panel flush>
        <Group p="md" gap="md" align="flex-end">
          <TextInput
            label="With these words"
            placeholder="Anything"
            leftSection={<IconSearch size={16} aria-hidden />}
            value={words}
            onChange={(event) => setWords(event.currentTarget.value)}
            className={classes['search']}
          />
          <Select
            label="As a model sees them"
            placeholder="As they are"
            data={base !== null && !names.includes(base) ? [base, ...names] : names}
            value={model}
            onChange={setModel}
            clearable
            searchable
            clearButtonProps={{ 'aria-label': 'Show them as they are' }}
            w={260}
          />
          <NumberInput
            label="From line"
            placeholder="1"
            min={1}
            allowDecimal={false}
            value={from ?? ''}
            onChange={(line) => look({ from: Number(line) > 1 ? Number(line) : null })}
            w={110}
          />
          <Switch
            label="Only with errors"
            checked={faulty}
            onChange={(event) => look({ faulty: event.currentTarget.checked })}
            mb={8}
          />
          {lines !== null && (
            <Button variant="default" size="sm" onClick={() => look({ lines: null })}>
              Show all lines again
            </Button>
          )}
        </Group>
        {model !== null && <MaskLegend />}
      </Panel>
      <SaveEdits file={file} />
      {rows === null &&
        (pages.isError ? <Failure error={pages.error} onRetry={() => void pages.refetch()} /> : <Waiting />)}
      {rows?.length === 0 && (
        <Panel>
          <Empty title="No such example">{faulty ? 'No row has errors.' : 'Nothing in the file fits.'}</Empty>
        </Panel>
      )}
      <ul className={classes['plain']} aria-label="Examples">
        {rows?.map((example) => (
          <Example key={example.line} file={file.id} example={example} />
        ))}
      </ul>
      {pages.hasNextPage && (
        <Group justify="center" mt="md">
          <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
            Show more
          </Button>
        </Group>
      )}
      <p className="spoken-only" aria-live="polite">
        {rows !== null && `${rows.length} examples shown.`}
      </p>
      {rows !== null && rows.length > 0 && !pages.hasNextPage && (
        <Text size="sm" c="dimmed" ta="center" mt="md">
          {lines !== null || query !== null || faulty || from !== null
            ? 'That is all that fits.'
            : 'That is the whole file.'}
        </Text>
      )}
    </>
  );
}
