/** The decisions so far, and what is to become of them: a new file, or nothing. */

import { Alert, Button, Group, Text, TextInput } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';
import { openai } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { count } from '../../parts/numbers.ts';
import { forgetDecisions, useDecisions, type Decisions } from './edits.ts';
import classes from './files.module.css';
import { PageLink } from '../../parts/links.tsx';

export function SaveEdits({ file }: { readonly file: FileObject }): ReactElement | null {
  const decisions = useDecisions(file.id);
  const [filename, setFilename] = useState(() => file.filename.replace(/(\.jsonl)?$/i, '_edited.jsonl'));
  const save = useAct(
    () => openai.post<FileObject>(`/files/${file.id}/edits`, { body: { edits: editsOf(decisions), filename } }),
    { changes: [['files']], onDone: () => forgetDecisions(file.id) },
  );
  const all = Object.values(decisions);
  const number = (kind: string): number => all.filter((each) => each.kind === kind).length;
  const [edited, rejected, accepted] = [number('edited'), number('rejected'), number('accepted')];
  if (all.length === 0 && save.data === undefined) return null;
  return (
    <div className={`panel ${classes['saving']}`} role="region" aria-label="Your changes">
      <div aria-live="polite">
        {all.length > 0 && (
          <Text size="sm" className="figures">
            <b>{count(edited)}</b> edited, <b>{count(rejected)}</b> left out, <b>{count(accepted)}</b> accepted as they
            are.
          </Text>
        )}
        {save.isError && <Failure error={save.error} />}
        {save.data !== undefined && all.length === 0 && (
          <Alert color="teal" variant="light">
            Saved as{' '}
            <PageLink to="/files/$id" params={{ id: save.data.id }} size="sm" fw={600}>
              {save.data.filename}
            </PageLink>
            . The file you see is as it was.
          </Alert>
        )}
      </div>
      {all.length > 0 && (
        <Group gap="sm" align="flex-end" mt="xs">
          <TextInput
            label="Save as a new file"
            value={filename}
            onChange={(event) => setFilename(event.currentTarget.value)}
            style={{ flex: '1 1 14rem', maxWidth: 360 }}
          />
          <Button
            loading={save.isPending}
            disabled={edited + rejected === 0 || filename.trim() === ''}
            onClick={() => save.mutate(undefined)}
          >
            Save
          </Button>
          <Button variant="default" onClick={() => forgetDecisions(file.id)}>
            Forget them
          </Button>
        </Group>
      )}
    </div>
  );
}

const editsOf = (decisions: Decisions) =>
  Object.entries(decisions).flatMap(([line, decision]) => {
    if (decision.kind === 'accepted') return [];
    return [{ line: Number(line), value: decision.kind === 'edited' ? decision.value : null }];
  });
