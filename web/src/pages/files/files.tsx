/** Files: bring them, find them again. */

import { Group, Select, Text, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { type ReactElement, useMemo, useState } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';
import { Failure, Waiting } from '../../parts/answered.tsx';
import { Empty } from '../../parts/empty.tsx';
import { LongList, type Column } from '../../parts/long-list.tsx';
import { bytes, counted, fromNow, moment } from '../../parts/numbers.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { DropArea } from './drop-area.tsx';
import { useKnownFiles } from './known-files.ts';
import { purposeWords } from './purposes.ts';
import { UploadList } from './upload-list.tsx';
import classes from './files.module.css';
import { PageLink } from '../../parts/links.tsx';

const columns: readonly Column<FileObject>[] = [
  {
    name: 'Name',
    width: 'minmax(0, 3fr)',
    always: true,
    cell: ({ id, filename }) => (
      <PageLink to="/files/$id" params={{ id }} size="sm" fw={500} title={filename}>
        {filename}
      </PageLink>
    ),
  },
  { name: 'For', width: 'minmax(0, 1fr)', cell: ({ purpose }) => purposeWords(purpose) },
  { name: 'Size', width: '5.5rem', isFigure: true, always: true, cell: ({ bytes: size }) => bytes(size) },
  {
    name: 'Came',
    width: '9rem',
    cell: ({ created_at }) => <time title={moment(created_at)}>{fromNow(created_at)}</time>,
  },
];

export function Files(): ReactElement {
  const [purpose, setPurpose] = useState<string | null>(null);
  const [words, setWords] = useState('');
  const { known, error, more } = useKnownFiles(purpose);
  const files = known?.files ?? null;
  const found = useMemo(() => {
    const wanted = words.trim().toLowerCase();
    return wanted === '' ? files : (files?.filter(({ filename }) => filename.toLowerCase().includes(wanted)) ?? null);
  }, [files, words]);

  function search(text: string): void {
    setWords(text);
    if (text.trim() !== '') more(true);
  }

  return (
    <Page
      title="Files"
      about="Examples that models learn from and are tested with. Every file is looked over when you open it: what is wrong, how to mend it, what it costs to train on it."
    >
      <DropArea />
      <UploadList />
      <Panel title="Your files" flush>
        <Group px="md" pb="sm" gap="sm">
          <TextInput
            aria-label="Find a file by its name"
            placeholder="Find by name"
            leftSection={<IconSearch size={16} aria-hidden />}
            value={words}
            onChange={(event) => search(event.currentTarget.value)}
            className={classes['search']}
          />
          <Select
            aria-label="Only files for"
            placeholder="For anything"
            clearable
            clearButtonProps={{ 'aria-label': 'Show files for anything' }}
            data={['fine-tune', 'fine-tune-results', 'evals', 'batch', 'batch_output', 'user_data'].map((value) => ({
              value,
              label: purposeWords(value),
            }))}
            value={purpose}
            onChange={setPurpose}
            w={190}
          />
          {files !== null && (
            <Text size="sm" c="dimmed" className="figures" role="status">
              {words.trim() === '' ? howMany(files.length, known!.hasMore) : `${counted(found!.length, 'file')} found`}
            </Text>
          )}
        </Group>
        {files === null && (error === null ? <Waiting /> : <Failure error={error} />)}
        {found !== null && found.length > 0 && (
          <LongList label="Files" rows={found} keyOf={({ id }) => id} columns={columns} onEnd={more} />
        )}
        {found?.length === 0 &&
          (words.trim() === '' && purpose === null ? (
            <Empty title="No files yet">
              Drop one above. No data at hand? Home has a sample of mails to begin with.
            </Empty>
          ) : (
            <Empty title="Nothing found">No file has that name and is for that.</Empty>
          ))}
      </Panel>
    </Page>
  );
}

const howMany = (count: number, hasMore: boolean): string =>
  hasMore ? `The newest ${counted(count, 'file')}; scroll for more` : counted(count, 'file');
