/** Figures for people: grouped, with units, short where a length is only a magnitude. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export const count = (value: number): string => whole.format(value);

/** "1 file", "1,204 files"; `plural` where an s will not do. */
export const counted = (value: number, noun: string, plural = `${noun}s`): string =>
  `${count(value)} ${value === 1 ? noun : plural}`;

/** Four significant digits at most, never 1e-7 unless it must be. */
export function decimal(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7))
    return value.toExponential(Math.max(0, digits - 2));
  return new Intl.NumberFormat('en', { maximumSignificantDigits: digits }).format(value);
}

export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let power = 0;
  while (power < units.length - 1 && value >= 1000) {
    value /= 1000;
    power += 1;
  }
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** "850 ms", "12 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const parts = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return parts(Math.floor(whole / 60), 'min', whole % 60, 's');
  const minutes = Math.round(whole / 60);
  if (minutes < 24 * 60) return parts(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return parts(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

export const dollars = (value: number): string =>
  new Intl.NumberFormat('en', { style: 'currency', currency: 'USD' }).format(value);

/** Of a Unix time in seconds. */
export const moment = (unixSeconds: number): string => dateTime.format(unixSeconds * 1000);

/** "just now", "5 minutes ago", "in 2 hours"; beyond a week the date. */
export function fromNow(unixSeconds: number, nowMs = Date.now()): string {
  const seconds = unixSeconds - nowMs / 1000;
  const distance = Math.abs(seconds);
  if (distance < 45) return 'just now';
  if (distance > 7 * 86_400) return moment(unixSeconds);
  const [unit, size] =
    distance < 3600
      ? (['minute', 60] as const)
      : distance < 86_400
        ? (['hour', 3600] as const)
        : (['day', 86_400] as const);
  return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(
    Math.round(seconds / size) || Math.sign(seconds),
    unit,
  );
}
