/**
 * When OpenAI turns a fine-tuned model off, by the base it was made from.
 *
 * What the models list says (`shutdown_date`) wins. The table is from OpenAI's deprecation notices; a base that is not
 * in it has no known date, and nobody here guesses one.
 */

export const shutdownSource = {
  date: '2026-10',
  text: "OpenAI's deprecation notices as seen in October 2026; the newest was announced on 2026-10-14",
} as const;

/** The first dates of the wind-down that end what can be captured. */
export const windDown = {
  evalsReadOnly: '2026-10-31',
  evalsOff: '2026-11-30',
  noNewJobs: '2027-01-06',
} as const;

const table: readonly { readonly date: string; readonly bases: readonly string[] }[] = [
  {
    date: '2026-10-23',
    bases: [
      'gpt-3.5-turbo',
      'gpt-3.5-turbo-0125',
      'gpt-3.5-turbo-1106',
      'gpt-3.5-turbo-0613',
      'gpt-4-0613',
      'gpt-4',
      'gpt-4.1-nano',
      'gpt-4.1-nano-2025-04-14',
      'babbage-002',
      'davinci-002',
      'o4-mini',
      'o4-mini-2025-04-16',
    ],
  },
  {
    date: '2027-01-14',
    bases: [
      'gpt-4o-2024-08-06',
      'gpt-4o-2024-11-20',
      'gpt-4o-mini-2024-07-18',
      'gpt-4.1-2025-04-14',
      'gpt-4.1-mini-2025-04-14',
    ],
  },
];

export interface Shutdown {
  /** `YYYY-MM-DD`; null where nobody has named one. */
  readonly date: string | null;
  readonly source: 'server' | 'table' | 'unknown';
}

export const baseOf = (model: string): string => (model.startsWith('ft:') ? (model.split(':')[1] ?? '') : model);

/** `listed` is the model as the list shows it, where it does. */
export function shutdownOf(model: string, listed: { readonly shutdown_date?: unknown } | null): Shutdown {
  const said = listed?.shutdown_date;
  if (typeof said === 'string' && /^\d{4}-\d\d-\d\d/.test(said)) return { date: said.slice(0, 10), source: 'server' };
  const row = table.find(({ bases }) => bases.includes(baseOf(model)));
  return row === undefined ? { date: null, source: 'unknown' } : { date: row.date, source: 'table' };
}
