/** With which other file it is compared, and what it is for: leaks between training and held-out data are found so. */

import { Button, Group, Select, Text } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';
import { openai, type ListOf } from '../../api.ts';
import { useOnce } from '../../live.ts';
import { moment } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import type { CheckWishes } from './check.ts';

interface CheckOptionsProps {
  readonly file: string;
  readonly wishes: CheckWishes;
  readonly again: (wishes: CheckWishes) => void;
  readonly isBusy: boolean;
}

/** Of the newest files; whoever has more knows what to call them. */
const filesOffered = 500;

export function CheckOptions({ file, wishes, again, isBusy }: CheckOptionsProps): ReactElement {
  const others = useOnce(['files', 'to-compare'], (signal) =>
    openai.get<ListOf<FileObject>>('/files', { query: { purpose: 'fine-tune', limit: filesOffered }, signal }),
  );
  const [against, setAgainst] = useState<string | null>(wishes.against ?? null);
  const [role, setRole] = useState<'training' | 'validation'>(wishes.role ?? 'training');
  const offered = (others.data?.data ?? []).filter(({ id }) => id !== file);
  return (
    <Panel
      title="Compare with another file"
      about="A model that has seen the questions of its exam proves nothing. Compare what it learns from with what it is tested with."
    >
      <Group align="flex-end" gap="sm">
        <Select
          label="The other file"
          placeholder={offered.length === 0 ? 'There is no other file' : 'None'}
          data={offered.map(({ id, filename, created_at }) => ({
            value: id,
            label: `${filename} · ${moment(created_at)}`,
          }))}
          value={against}
          onChange={setAgainst}
          searchable
          clearable
          clearButtonProps={{ 'aria-label': 'Compare with none' }}
          style={{ flex: '1 1 16rem', maxWidth: 420 }}
        />
        <Select
          label="This file is for"
          data={[
            { value: 'training', label: 'Training' },
            { value: 'validation', label: 'Validation' },
          ]}
          allowDeselect={false}
          value={role}
          onChange={(value) => setRole(value as 'training' | 'validation')}
          w={150}
        />
        <Button variant="default" loading={isBusy} onClick={() => again({ ...wishes, against, role })}>
          Look again
        </Button>
      </Group>
      {against !== null && (
        <Text size="sm" c="dimmed" mt="xs">
          The other file is taken for {role === 'training' ? 'what is held out' : 'what is trained on'}.
        </Text>
      )}
    </Panel>
  );
}
