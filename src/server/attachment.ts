/** What tells a browser to save an answer, and under which name. */

/** The name for old readers in ASCII, and in full for those that know RFC 6266. */
export function attachment(filename: string): string {
  const plain = filename.replace(/[^\x20-\x7e]|["\\]/g, '_');
  const full = encodeURIComponent(filename).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${plain}"${plain === filename ? '' : `; filename*=UTF-8''${full}`}`;
}
