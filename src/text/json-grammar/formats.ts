/**
 * What `format` promises, as patterns: of each format the part that a program writes, not every oddity it allows.
 *
 * Days exist: the 29th of February only in leap years.
 */

const year = String.raw`\d{4}`;
const leapYear = '(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)';
const date = [
  `${year}-(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])`,
  `${year}-(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)`,
  `${year}-02-(?:0[1-9]|1\\d|2[0-8])`,
  `${leapYear}-02-29`,
].join('|');
const time = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)`;
const label = '[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?';
const hostname = `${label}(?:\\.${label}){0,4}`;
const byte = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const group = '[0-9a-f]{1,4}';
const days = String.raw`(?:\d{1,4}Y(?:\d{1,4}M(?:\d{1,4}D)?)?|\d{1,4}M(?:\d{1,4}D)?|\d{1,4}D)`;
const hours = String.raw`T(?:\d{1,4}H(?:\d{1,4}M(?:\d{1,4}S)?)?|\d{1,4}M(?:\d{1,4}S)?|\d{1,4}S)`;

export const formats: Readonly<Record<string, string>> = {
  date: `^(?:${date})$`,
  time: `^${time}$`,
  'date-time': `^(?:${date})T${time}$`,
  duration: String.raw`^P(?:${days}(?:${hours})?|${hours}|\d{1,4}W)$`,
  uuid: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  email: `^[a-z0-9_+-]{1,30}(?:\\.[a-z0-9_+-]{1,30}){0,3}@${label}(?:\\.${label}){1,3}$`,
  hostname: `^${hostname}$`,
  ipv4: `^${byte}(?:\\.${byte}){3}$`,
  ipv6: `^(?:(?:${group}:){7}${group}|(?:${group}:){1,6}:${group}|::(?:${group}:){0,5}${group}|::)$`,
  uri: `^https?://${hostname}(?:/[A-Za-z0-9._~-]{0,60}){0,8}(?:\\?[A-Za-z0-9=&._~-]{1,200})?$`,
};
