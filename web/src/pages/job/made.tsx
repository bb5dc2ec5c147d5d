/** What exactly a job was made of and what it made, by name and by the hash of its bytes. */

import { Box, CopyButton, Group, Text, UnstyledButton } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import type { ReactElement, ReactNode } from 'react';
import type { Job } from '../../../../src/domain/job.ts';
import type { JobProvenance } from '../../../../src/domain/provenance.ts';
import { openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { bytes } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { isOver } from '../../parts/training/jobs.ts';
import { PageLink } from '../../parts/links.tsx';

export function Made({ job }: { readonly job: Job }): ReactElement {
  const query = useLive(
    ['job', job.id, 'provenance', job.status],
    (signal) => openai.get<JobProvenance>(`/fine_tuning/jobs/${job.id}/provenance`, { signal }),
    { every: (known) => (isOver(job) && known !== undefined ? false : 5000), keepsPrevious: true },
  );
  return (
    <Panel
      title="Made of"
      about="The SHA-256 of everything that went in and came out. The same bytes, settings and seed give the same training."
    >
      <Answered query={query}>
        {({ data, base, model }) => (
          <>
            {data.map(({ role, id, filename, bytes: size, sha256 }) => (
              <Thing key={role} what={role === 'training' ? 'Training file' : 'Validation file'} sha256={sha256}>
                {filename === null ? (
                  `${id}, which was deleted`
                ) : (
                  <PageLink to="/files/$id" params={{ id }} size="sm">
                    {filename}
                  </PageLink>
                )}
                {size === null ? '' : `, ${bytes(size)}`}
              </Thing>
            ))}
            {base !== null && (
              <Thing what="Base" sha256={base.sha256}>
                <PageLink to="/models/$id" params={{ id: base.id }} size="sm">
                  {base.id}
                </PageLink>
              </Thing>
            )}
            {model?.files.map(({ name, bytes: size, sha256 }) => (
              <Thing key={name} what="Model" sha256={sha256}>
                {name}, {bytes(size)}
              </Thing>
            ))}
            {job.result_files.length > 0 && (
              <Text size="sm" mt="sm">
                {job.result_files.map((id, i) => (
                  <PageLink key={id} to="/files/$id" params={{ id }} size="sm" mr="md">
                    {i === 0 ? 'Metrics of every step (CSV)' : 'Metrics of the task (CSV)'}
                  </PageLink>
                ))}
              </Text>
            )}
          </>
        )}
      </Answered>
    </Panel>
  );
}

interface ThingProps {
  readonly what: string;
  readonly sha256: string | null;
  readonly children: ReactNode;
}

function Thing({ what, sha256, children }: ThingProps): ReactElement {
  return (
    <Box py={6} style={{ borderBottom: '1px solid var(--line)' }}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" c="dimmed">
          {what}
        </Text>
        <Text size="sm" component="div" className="outside">
          {children}
        </Text>
      </Group>
      {sha256 !== null && (
        <CopyButton value={sha256}>
          {({ copied, copy }) => (
            <UnstyledButton onClick={copy} maw="100%">
              <Group gap={4} wrap="nowrap">
                <Text size="xs" c="dimmed" className="mono" truncate>
                  <span className="spoken-only">Copy the hash of the {what.toLowerCase()}: </span>
                  {sha256}
                </Text>
                {copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
              </Group>
            </UnstyledButton>
          )}
        </CopyButton>
      )}
    </Box>
  );
}
