/**
 * One line per event: a name, then facts.
 *
 *   {"time":"2026-11-23T05:09:00.000Z","level":"info","event":"trainer.started","job":"ftjob-…","pid":4711}
 *
 * People at a terminal get the same as `05:09:00 trainer.started job=ftjob-… pid=4711`. Lines go to stderr. Whoever
 * logs picks the facts; request headers and bodies are never among them, so no key can be.
 */

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];
export type Facts = Readonly<Record<string, unknown>>;

export interface Log {
  debug(event: string, facts?: Facts): void;
  info(event: string, facts?: Facts): void;
  warn(event: string, facts?: Facts): void;
  error(event: string, facts?: Facts): void;
}

export function openLog(lowest: LogLevel, stream: NodeJS.WritableStream & { isTTY?: boolean } = process.stderr): Log {
  const line = stream.isTTY === true ? forPeople : forMachines;
  const at =
    (level: LogLevel) =>
    (event: string, facts: Facts = {}) => {
      if (logLevels.indexOf(level) >= logLevels.indexOf(lowest)) stream.write(line(level, event, facts));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function forMachines(level: LogLevel, event: string, facts: Facts): string {
  const time = new Date().toISOString();
  return `${JSON.stringify({ time, level, event, ...facts }, (_, value: unknown) => (value instanceof Error ? told(value) : value))}\n`;
}

function forPeople(level: LogLevel, event: string, facts: Facts): string {
  const time = new Date().toISOString().slice(11, 19);
  const mark = level === 'warn' || level === 'error' ? `${level.toUpperCase()} ` : '';
  const told = Object.entries(facts).map(([name, value]) => ` ${name}=${plain(value)}`);
  return `${time} ${mark}${event}${told.join('')}\n`;
}

function plain(value: unknown): string {
  if (value instanceof Error) return told(value);
  return typeof value === 'string' && /^[^\s"]+$/.test(value) ? value : (JSON.stringify(value) ?? 'undefined');
}

/** An error with where it came from, and what was behind it. */
function told(error: Error): string {
  const behind = error.cause instanceof Error ? `\n  because of ${told(error.cause)}` : '';
  return (error.stack ?? error.message) + behind;
}
