/**
 * Files as one tar archive (POSIX ustar), written as it is read: nothing is held and no size is too large.
 *
 *   [header, 512 bytes][content, filled up to 512]*  two empty blocks
 *
 * What a header has no room for (a name beyond 100 bytes, a size beyond 8 GiB, letters beyond ASCII) stands in a pax
 * header before it, which every reader of today knows.
 */

const blockBytes = 512;
const nameBytesMax = 100;
const sizeMax = 0o77777777777;

export interface TarEntry {
  /** With forward slashes, below nothing. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Unix seconds. */
  readonly changedAt: number;
  /** Gives exactly `sizeBytes` bytes. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** How many bytes the archive of these has. */
export function tarBytes(entries: readonly Pick<TarEntry, 'name' | 'sizeBytes'>[]): number {
  return entries.reduce((sum, entry) => sum + headers(entry, 0).length + padded(entry.sizeBytes), 2 * blockBytes);
}

export async function* tar(entries: Iterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    const { name, sizeBytes, changedAt, content } = entry;
    yield headers(entry, changedAt);
    let sent = 0;
    for await (const chunk of content) {
      sent += chunk.length;
      if (sent > sizeBytes) break;
      yield chunk;
    }
    if (sent !== sizeBytes) throw new Error(`${name} changed while it was read: found ${sent} bytes of ${sizeBytes}`);
    yield Buffer.alloc(padded(sizeBytes) - sizeBytes);
  }
  yield Buffer.alloc(2 * blockBytes);
}

const padded = (bytes: number): number => Math.ceil(bytes / blockBytes) * blockBytes;

function headers({ name, sizeBytes }: Pick<TarEntry, 'name' | 'sizeBytes'>, changedAt: number): Buffer {
  const records: string[] = [];
  const bytes = Buffer.from(name);
  if (bytes.length > nameBytesMax || bytes.length !== name.length) records.push(record('path', name));
  if (sizeBytes > sizeMax) records.push(record('size', String(sizeBytes)));
  const own = header(bytes.subarray(0, nameBytesMax), Math.min(sizeBytes, sizeMax), changedAt, '0');
  if (records.length === 0) return own;
  const told = Buffer.from(records.join(''));
  const before = header(Buffer.from('pax_header'), told.length, changedAt, 'x');
  return Buffer.concat([before, told, Buffer.alloc(padded(told.length) - told.length), own]);
}

/** `<length of all of it> <key>=<value>\n`, where the length counts its own digits. */
function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function header(name: Uint8Array, sizeBytes: number, changedAt: number, type: '0' | 'x'): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, digits: number): void => {
    block.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
  };
  block.set(name, 0);
  octal(0o644, 100, 7);
  octal(0, 108, 7); // owner and group: nobody in particular
  octal(0, 116, 7);
  octal(sizeBytes, 124, 11);
  octal(changedAt, 136, 11);
  block.fill(' ', 148, 156); // the sum counts itself as blanks
  block.write(type, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
