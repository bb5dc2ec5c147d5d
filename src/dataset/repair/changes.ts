/** What a repair did: how often, and the first times with what was there before and after. */

export const repairNames = [
  'json',
  'surrogates',
  'keys',
  'roles',
  'contents',
  'weights',
  'tool-calls',
  'trailing-messages',
  'empty-rows',
  'duplicates',
  'long-rows',
  'casing',
  'separators',
  'prefixes',
  'stop-sequences',
  'leading-spaces',
] as const;
export type RepairName = (typeof repairNames)[number];

/** In the order in which they are made. */
export const repairTitles: Record<RepairName, string> = {
  json: 'JSON that only other readers accept, and keys that were there twice',
  surrogates: 'half characters replaced',
  keys: 'keys renamed or removed',
  roles: 'roles renamed',
  contents: 'contents written as text',
  weights: 'weights written as 0 or 1',
  'tool-calls': 'tool calls completed',
  'trailing-messages': 'messages after the last answer removed',
  'empty-rows': 'empty rows left out',
  duplicates: 'rows left out that were there before',
  'long-rows': 'long rows left out',
  casing: 'texts in capitals written small',
  separators: 'separators after the prompts',
  prefixes: 'beginnings that all texts share removed',
  'stop-sequences': 'stop sequences after the answers',
  'leading-spaces': 'spaces before the answers',
};

export interface Change {
  readonly line: number;
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

export interface RepairCount {
  readonly name: RepairName;
  readonly count: number;
  /** The first ones. */
  readonly changes: readonly Change[];
}

/** Counts a change that is about to be made; false where this repair is not wanted. */
export type Ask = (name: RepairName, path: string, before: string, after: string) => boolean;

const changesKept = 3;

/** Counts the changes of one run over a file. */
export class Changes {
  readonly #counts = new Map<RepairName, { count: number; changes: Change[] }>();

  add(name: RepairName, change: Change): void {
    const entry = this.#counts.get(name) ?? { count: 0, changes: [] };
    this.#counts.set(name, entry);
    entry.count += 1;
    if (entry.changes.length < changesKept) entry.changes.push(change);
  }

  list(): readonly RepairCount[] {
    return repairNames.flatMap((name) => {
      const entry = this.#counts.get(name);
      return entry === undefined ? [] : [{ name, ...entry }];
    });
  }
}

/** A text short enough to show, with its spaces and line ends visible. */
export const shown = (text: string): string =>
  JSON.stringify(text.length > 40 ? `${text.slice(0, 24)}…${text.slice(-12)}` : text);
