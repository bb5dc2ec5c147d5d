/**
 * All files of the project, newest first, however many: the newest are asked for every second, older ones as they are
 * wanted, and none twice.
 */

import { useEffect, useRef, useState } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';
import { openai, type ListOf } from '../../api.ts';
import { useLive } from '../../live.ts';

const newest = 50;
const pageOfOlder = 5000;

export interface Known {
  readonly files: readonly FileObject[];
  /** Whether there are older ones. */
  readonly hasMore: boolean;
}

export interface KnownFiles {
  /** Null until the first answer. */
  readonly known: Known | null;
  readonly error: unknown;
  /** Fetches older ones; `all` until there are none. */
  readonly more: (all?: boolean) => void;
}

export function useKnownFiles(purpose: string | null): KnownFiles {
  const recent = useLive(['files', 'newest', purpose], (signal) => pageOf(purpose, newest, null, signal));
  const [known, setKnown] = useState<{ readonly purpose: string | null; readonly all: Known } | null>(null);
  const fetching = useRef(false);
  useEffect(() => {
    const page = recent.data;
    if (page !== undefined)
      setKnown((before) => ({ purpose, all: joined(page, before?.purpose === purpose ? before.all : null) }));
  }, [recent.data, purpose]);
  const mine = known?.purpose === purpose ? known.all : null;

  async function more(all: boolean): Promise<void> {
    if (fetching.current || mine?.hasMore !== true) return;
    fetching.current = true;
    try {
      let last = mine.files.at(-1);
      for (let goes = true; goes && last !== undefined; goes = all) {
        const page: ListOf<FileObject> = await pageOf(purpose, pageOfOlder, last.id);
        setKnown((before) =>
          before?.purpose !== purpose
            ? before
            : { purpose, all: { files: [...before.all.files, ...page.data], hasMore: page.has_more } },
        );
        last = page.has_more ? page.data.at(-1) : undefined;
      }
    } catch {
      // The newest are asked for every second; what is wrong shows there.
    } finally {
      fetching.current = false;
    }
  }

  return { known: mine, error: recent.isError ? recent.error : null, more: (all = false) => void more(all) };
}

async function pageOf(
  purpose: string | null,
  limit: number,
  after: string | null,
  signal?: AbortSignal,
): Promise<ListOf<FileObject>> {
  const query = { limit, ...(purpose !== null && { purpose }), ...(after !== null && { after }) };
  return await openai.get<ListOf<FileObject>>('/files', { query, ...(signal && { signal }) });
}

/** The newest page, and behind it what was known before: what is gone from the page is gone, and what is new is there once. */
export function joined(page: ListOf<FileObject>, before: Known | null): Known {
  const last = page.data.at(-1);
  const at = before === null || !page.has_more ? -1 : before.files.findIndex(({ id }) => id === last?.id);
  // Where the page reaches further than what was known, or does not reach it, the page is all that is certain.
  if (before === null || at < 0) return { files: page.data, hasMore: page.has_more };
  const older = before.files.slice(at + 1);
  return { files: [...page.data, ...older], hasMore: older.length === 0 ? page.has_more : before.hasMore };
}
