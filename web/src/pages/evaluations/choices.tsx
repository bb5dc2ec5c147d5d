/** What forms of this area choose from: models of the server, files of the project. */

import { FileButton, Button, Group, MultiSelect, Select } from '@mantine/core';
import type { ReactElement } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';
import { openai, type ListOf } from '../../api.ts';
import { useLive } from '../../live.ts';
import { bytes } from '../../parts/numbers.ts';
import { useModelNames } from '../../parts/models.ts';

const slowlyMs = 5000;

interface ModelsChoiceProps {
  readonly label: string;
  readonly description?: string;
  readonly value: readonly string[];
  readonly onChange: (models: string[]) => void;
  readonly error?: string | null;
  readonly onlyBases?: boolean;
}

export function ModelsChoice({
  label,
  description,
  value,
  onChange,
  error,
  onlyBases = false,
}: ModelsChoiceProps): ReactElement {
  const models = useModelNames().filter((name) => !onlyBases || !name.startsWith('ft:'));
  return (
    <MultiSelect
      label={label}
      description={description}
      placeholder={value.length === 0 ? 'Choose' : undefined}
      data={[...models]}
      value={[...value]}
      onChange={onChange}
      searchable
      nothingFoundMessage="No such model here"
      error={error}
      classNames={{ label: 'outside' }}
    />
  );
}

/** Of these purposes, the newest first. */
export function useFiles(purposes: readonly string[]): readonly FileObject[] {
  const { data } = useLive(
    ['files', 'choice', ...purposes],
    async (signal) => {
      const pages = await Promise.all(
        purposes.map((purpose) => openai.get<ListOf<FileObject>>('/files', { query: { purpose, limit: 500 }, signal })),
      );
      return pages.flatMap((page) => page.data).sort((a, b) => b.created_at - a.created_at);
    },
    { every: slowlyMs },
  );
  return data ?? [];
}

interface FileChoiceProps {
  readonly label: string;
  readonly description?: string;
  readonly purposes: readonly string[];
  readonly value: FileObject | null;
  readonly onChange: (file: FileObject | null) => void;
  /** Takes a file of the user's machine too. */
  readonly onLocal?: (file: File) => void;
  readonly error?: string | null;
  readonly clearable?: boolean;
}

export function FileChoice(props: FileChoiceProps): ReactElement {
  const { label, description, purposes, value, onChange, onLocal, error, clearable = false } = props;
  const files = useFiles(purposes);
  const shown = value === null || files.some(({ id }) => id === value.id) ? files : [value, ...files];
  return (
    <Group align="flex-end" gap="sm">
      <Select
        style={{ flex: '1 1 16rem' }}
        label={label}
        description={description}
        placeholder={files.length === 0 ? 'No file yet' : 'Choose a file'}
        data={shown.map((file) => ({ value: file.id, label: `${file.filename} (${bytes(file.bytes)})` }))}
        value={value?.id ?? null}
        onChange={(id) => onChange(shown.find((file) => file.id === id) ?? null)}
        searchable
        clearable={clearable}
        clearButtonProps={{ 'aria-label': `Clear: ${label}` }}
        error={error}
      />
      {onLocal !== undefined && (
        <FileButton accept=".jsonl,.json" onChange={(file) => file !== null && onLocal(file)}>
          {(button) => (
            <Button variant="default" {...button}>
              Upload one
            </Button>
          )}
        </FileButton>
      )}
    </Group>
  );
}
