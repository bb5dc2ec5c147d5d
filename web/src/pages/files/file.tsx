/** One file: what is wrong with it, what is worth knowing, what it costs to train on it, and its examples. */

import { Alert, Anchor, Button, Tabs, Text } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { type ReactElement, useRef } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';
import { isMissing, openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Answered, Failure } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Empty } from '../../parts/empty.tsx';
import { count } from '../../parts/numbers.ts';
import { Page } from '../../parts/page.tsx';
import { isOver, TaskProgress } from '../../parts/task-progress.tsx';
import { forgetChecks, useCheck } from './check.ts';
import { CheckOptions } from './check-options.tsx';
import { Cost } from './cost.tsx';
import { Download } from './download.tsx';
import { Examples } from './examples.tsx';
import { FileFacts, Origin } from './file-facts.tsx';
import { Findings } from './findings.tsx';
import { useKeptFocus } from './kept-focus.ts';
import { useLook, type Part } from './look.ts';
import { Problems } from './problems.tsx';
import { StatisticsPart } from './statistics.tsx';
import { Summary } from './summary.tsx';
import { Verdict } from './verdict.tsx';
import classes from './files.module.css';
import { PageButton } from '../../parts/links.tsx';

const back = { to: '/files', words: 'Files' };

export function FilePage(): ReactElement {
  const { id } = useParams({ strict: false }) as { id: string };
  const file = useLive(
    ['files', 'one', id],
    (signal) => openai.get<FileObject>(`/files/${encodeURIComponent(id)}`, { signal }),
    {
      every: (known) => (known === undefined ? 1000 : 10_000),
    },
  );
  if (file.data === undefined && isMissing(file.error))
    return (
      <Page title="No such file" back={back}>
        <Empty title="This file is not here">It was deleted, or it belongs to another project.</Empty>
      </Page>
    );
  if (file.data === undefined)
    return (
      <Page title="File" back={back}>
        <Answered query={file}>{() => null}</Answered>
      </Page>
    );
  return <Known key={id} file={file.data} />;
}

function Known({ file }: { readonly file: FileObject }): ReactElement {
  const { id, filename, purpose } = file;
  const isData = purpose === 'fine-tune';
  const navigate = useNavigate();
  async function remove(): Promise<void> {
    await openai.files.delete(id);
    await forgetChecks(id);
    await navigate({ to: '/files' });
  }
  return (
    <Page
      title={filename}
      back={back}
      {...(file.derived_from !== undefined && {
        about: (
          <>
            Made from <Origin origin={file.derived_from} />.
          </>
        ),
      })}
      actions={
        <>
          {isData && (
            <PageButton to="/jobs/new" search={{ training_file: id }}>
              Train on it
            </PageButton>
          )}
          <Download file={file} words="Download" />
          <AskFirst
            words="Delete"
            question={`Delete ${filename}?`}
            consequences="The file is gone for good. Jobs that have finished and models that have learnt from it stay."
            verb="Delete"
            onSure={remove}
            button={{ size: 'sm' }}
          />
        </>
      }
    >
      {isData ? <Data file={file} /> : <Other file={file} />}
    </Page>
  );
}

/** A file that nobody trains on is no less JSON lines. */
function Other({ file }: { readonly file: FileObject }): ReactElement {
  return (
    <>
      <FileFacts file={file} check={null} />
      {file.filename.endsWith('.jsonl') && <Text c="dimmed">It is looked over when it is used.</Text>}
    </>
  );
}

function Data({ file }: { readonly file: FileObject }): ReactElement {
  const checking = useCheck(file.id, true);
  const { task, check, wishes, error, again } = checking;
  const [{ part }, look] = useLook();
  const tabs = useRef<HTMLDivElement>(null);
  useKeptFocus(tabs, part, '[role=tab][aria-selected=true]');
  const names: readonly (readonly [Part, string])[] = [
    ['problems', check === null ? 'Problems' : `Problems ${count(check.errors + check.warnings)}`],
    ['findings', check === null ? 'Findings' : `Findings ${count(check.findings.length)}`],
    ['statistics', 'Statistics'],
    ['examples', 'Examples'],
    ['cost', 'Price and time'],
  ];
  return (
    <>
      {error !== null && <Failure error={error} />}
      {task !== null && task.status !== 'succeeded' && (
        <div className={`panel ${classes['checking']}`} role="status">
          <TaskProgress task={task} label="Looking the file over" />
          {isOver(task) && (
            <Button size="compact-sm" mt="sm" variant="default" onClick={() => again(wishes)}>
              Look again
            </Button>
          )}
        </div>
      )}
      {check !== null && <Verdict check={check} />}
      {check !== null && check.bytes !== file.bytes && (
        <Alert color="yellow">The file has changed since it was looked over.</Alert>
      )}
      {check !== null && <Summary check={check} />}
      <Tabs
        ref={tabs}
        value={part}
        onChange={(next) => look({ part: (next ?? 'problems') as Part, lines: null })}
        keepMounted={false}
      >
        <Tabs.List mb="lg" className={classes['tabs']} aria-label="What there is to see of the file">
          {names.map(([name, words]) => (
            <Tabs.Tab key={name} value={name}>
              {words}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="problems">{check !== null && <Problems file={file} check={check} />}</Tabs.Panel>
        <Tabs.Panel value="findings">
          <CheckOptions file={file.id} wishes={wishes} again={again} isBusy={task !== null && !isOver(task)} />
          {check !== null && <Findings check={check} against={wishes.against ?? null} />}
        </Tabs.Panel>
        <Tabs.Panel value="statistics">{check !== null && <StatisticsPart check={check} />}</Tabs.Panel>
        <Tabs.Panel value="cost">
          <div className={classes['beside']}>
            {check !== null && <Cost check={check} wishes={wishes} task={task} again={again} />}
            <FileFacts file={file} check={check} />
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="examples">
          <Examples file={file} base={check?.here?.base ?? null} />
        </Tabs.Panel>
      </Tabs>
      {check === null && part !== 'examples' && task !== null && !isOver(task) && (
        <Text c="dimmed" size="sm">
          While it is looked over, you can{' '}
          <Anchor onClick={() => look({ part: 'examples' })} component="button">
            read its examples
          </Anchor>
          .
        </Text>
      )}
    </>
  );
}
