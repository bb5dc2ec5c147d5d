/** Which files a job learns from and is judged by. */

import { Select, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';
import { type ListOf, openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Empty } from '../../parts/empty.tsx';
import { bytes, fromNow } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import type { Draft } from './draft.ts';
import { PageLink } from '../../parts/links.tsx';

export interface Wrong {
  /** The last part of the request's field. */
  readonly field: string;
  readonly message: string;
}

interface DataChoiceProps {
  readonly draft: Draft;
  readonly onChange: (part: Partial<Draft>) => void;
  readonly wrong: Wrong | null;
}

const filesMax = 1000;

export function DataChoice({ draft, onChange, wrong }: DataChoiceProps): ReactElement {
  const files = useLive(
    ['files', 'fine-tune', filesMax],
    (signal) => openai.get<ListOf<FileObject>>('/files', { query: { purpose: 'fine-tune', limit: filesMax }, signal }),
    { every: 3000 },
  );
  const found = files.data?.data ?? [];
  const choices = found.map((file) => ({
    value: file.id,
    label: `${file.filename} · ${bytes(file.bytes)} · ${fromNow(file.created_at)}`,
  }));
  const missing = (id: string | null) =>
    id === null || found.some((file) => file.id === id) ? [] : [{ value: id, label: id }];
  return (
    <Panel title="Examples" about="What the model should learn to say, one example in each line.">
      {files.data !== undefined && found.length === 0 ? (
        <Empty title="There is no file of examples yet" action={<PageLink to="/files">Upload one</PageLink>}>
          Ten examples are enough to try it, a few hundred make a difference. Home has a ready-made set to begin with.
        </Empty>
      ) : (
        <>
          <Select
            label="Training file"
            placeholder="Choose a file"
            description="At least ten examples. It is read and checked before anything is trained."
            data={[...missing(draft.trainingFile), ...choices]}
            value={draft.trainingFile}
            onChange={(trainingFile) => onChange({ trainingFile })}
            searchable
            withAsterisk
            nothingFoundMessage="No file is called that"
            error={wrong?.field === 'training_file' ? wrong.message : null}
            mb="md"
          />
          <Select
            label="Validation file"
            placeholder="None"
            description="Examples that are never trained on, to see whether what was learnt holds for others too. Without one you will not notice when the model learns by heart."
            data={[...missing(draft.validationFile), ...choices.filter(({ value }) => value !== draft.trainingFile)]}
            value={draft.validationFile}
            onChange={(validationFile) => onChange({ validationFile })}
            searchable
            clearable
            clearButtonProps={{ 'aria-label': 'No validation file' }}
            nothingFoundMessage="No file is called that"
            error={wrong?.field === 'validation_file' ? wrong.message : null}
          />
          <Text size="sm" mt="sm">
            <PageLink to="/files" size="sm">
              Upload or mend files
            </PageLink>
          </Text>
        </>
      )}
    </Panel>
  );
}
