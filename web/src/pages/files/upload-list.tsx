/** The files on their way, each with how far it is, and what can be done about it. */

import { Button, CloseButton, Group, Progress, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import { Panel } from '../../parts/panel.tsx';
import { bytes, percent } from '../../parts/numbers.ts';
import { dismiss, goOn, stop, type Upload, useUploads } from './uploads.ts';
import classes from './files.module.css';
import { PageLink } from '../../parts/links.tsx';

export function UploadList(): ReactElement | null {
  const uploads = useUploads();
  const ready = uploads.filter(({ state }) => state === 'done').length;
  return (
    <>
      <p className="spoken-only" aria-live="polite">
        {ready > 0 && `${ready} of ${uploads.length} files arrived.`}
      </p>
      {uploads.length > 0 && (
        <Panel title="On their way" flush>
          <ul className={classes['plain']}>
            {uploads.map((upload) => (
              <Row key={upload.key} upload={upload} />
            ))}
          </ul>
        </Panel>
      )}
    </>
  );
}

function Row({ upload }: { readonly upload: Upload }): ReactElement {
  const { key, name, sizeBytes, sentBytes, state, error, file } = upload;
  const share = sizeBytes === 0 ? 0 : sentBytes / sizeBytes;
  const isUnderWay = state === 'sending' || state === 'waiting';
  return (
    <li className={classes['item']}>
      <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
        <div style={{ minWidth: 0, flex: 1 }}>
          {file === null ? (
            <Text size="sm" fw={500} className="outside">
              {name}
            </Text>
          ) : (
            <PageLink to="/files/$id" params={{ id: file.id }} size="sm" fw={500}>
              <span className="outside">{name}</span>
            </PageLink>
          )}
          <Text size="sm" c={state === 'failed' ? 'var(--bad)' : 'dimmed'} className="figures outside">
            {saying(upload, share)}
          </Text>
        </div>
        <Group gap={6} wrap="nowrap">
          {isUnderWay && (
            <Button size="compact-sm" variant="default" onClick={() => stop(key)} aria-label={`Stop ${name}`}>
              Stop
            </Button>
          )}
          {(state === 'stopped' || (state === 'failed' && error !== null)) && (
            <Button size="compact-sm" variant="default" onClick={() => goOn(key)} aria-label={`Go on with ${name}`}>
              {state === 'stopped' ? 'Go on' : 'Try again'}
            </Button>
          )}
          {!isUnderWay && <CloseButton aria-label={`Take ${name} off this list`} onClick={() => dismiss(key)} />}
        </Group>
      </Group>
      {isUnderWay && (
        <Progress.Root mt={6} size="sm">
          <Progress.Section
            value={sentBytes === 0 ? 100 : share * 100}
            striped={sentBytes === 0}
            animated={sentBytes === 0}
            aria-label={`How far ${name} is`}
          />
        </Progress.Root>
      )}
    </li>
  );
}

function saying({ state, error, sizeBytes, sentBytes }: Upload, share: number): string {
  const sent = sentBytes === 0 ? bytes(sizeBytes) : `${bytes(sentBytes)} of ${bytes(sizeBytes)}, ${percent(share, 0)}`;
  const sentences: Readonly<Record<Upload['state'], string>> = {
    sending: sent,
    waiting: `${sent}. The server does not answer; this goes on by itself when it does.`,
    stopped: `Stopped at ${sent}.`,
    failed: error ?? 'It failed.',
    done: `${bytes(sizeBytes)}, arrived.`,
  };
  return sentences[state];
}
