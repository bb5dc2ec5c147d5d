/** What is known of a file without reading it, and where it comes from. */

import type { ReactElement } from 'react';
import type { FileCheck } from '../../../../src/domain/file-check.ts';
import type { Derivation, FileObject } from '../../../../src/domain/file.ts';
import { Facts } from '../../parts/facts.tsx';
import { bytes, counted, moment } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { purposeWords } from './purposes.ts';
import { PageLink } from '../../parts/links.tsx';

interface FileFactsProps {
  readonly file: FileObject;
  readonly check: FileCheck | null;
}

export function FileFacts({ file, check }: FileFactsProps): ReactElement {
  const { id, bytes: size, created_at, expires_at, purpose, derived_from: origin } = file;
  return (
    <Panel title="The file">
      <Facts
        facts={[
          ['For', purposeWords(purpose)],
          ['Size', bytes(size)],
          ['Came', moment(created_at)],
          expires_at === null ? null : ['Goes', moment(expires_at)],
          check?.format == null ? null : ['Its rows', formatWords[check.format]],
          origin === undefined ? null : ['Made from', <Origin origin={origin} />],
          ['Id', <span className="mono">{id}</span>],
          check === null ? null : ['SHA-256', <span className="mono">{check.sha256}</span>],
        ]}
      />
    </Panel>
  );
}

const formatWords: Readonly<Record<NonNullable<FileCheck['format']>, string>> = {
  chat: 'Conversations',
  completion: 'Prompts with what follows them',
  preference: 'Conversations with a better and a worse answer',
  reinforcement: 'Questions for a grader',
};

/** The file it was made from, and how. */
export function Origin({ origin }: { readonly origin: Derivation }): ReactElement {
  return (
    <>
      <PageLink to="/files/$id" params={{ id: origin.file_id }} inherit>
        {origin.filename}
      </PageLink>
      {`: ${changesOf(origin)}`}
    </>
  );
}

function changesOf({ edited, removed, added, left_out: left, repairs }: Derivation): string {
  const mended = repairs?.reduce((sum, { count }) => sum + count, 0) ?? 0;
  const changes = [
    ...(edited > 0 ? [`${counted(edited, 'row')} edited`] : []),
    ...(removed + left > 0 ? [`${counted(removed + left, 'row')} left out`] : []),
    ...(added > 0 ? [`${counted(added, 'row')} added`] : []),
    ...(mended > 0 ? [`${counted(mended, 'repair')} made`] : []),
  ];
  return changes.length === 0 ? 'a copy' : changes.join(', ');
}
