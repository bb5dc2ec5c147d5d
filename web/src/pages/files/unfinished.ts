/** Which parts of a file have arrived, kept in the browser, so that a page that was closed can go on where it was. */

export interface Begun {
  readonly id: string;
  readonly partBytes: number;
  /** Ids in their order; null for what has not arrived. */
  readonly parts: (string | null)[];
  readonly expiresAt: number;
}

/** The same file again, as far as a browser can tell. */
const nameOf = ({ name, size, lastModified }: File, purpose: string): string =>
  `tunesmith.upload ${JSON.stringify([name, size, lastModified, purpose])}`;

export function recall(file: File, purpose: string): Begun | null {
  try {
    const begun = JSON.parse(localStorage.getItem(nameOf(file, purpose)) ?? 'null') as Begun | null;
    return begun !== null && begun.expiresAt * 1000 > Date.now() ? begun : null;
  } catch {
    return null;
  }
}

export function remember(file: File, purpose: string, begun: Begun): void {
  try {
    localStorage.setItem(nameOf(file, purpose), JSON.stringify(begun));
  } catch {
    // Without room it only cannot be gone on with after a reload.
  }
}

export function forget(file: File, purpose: string): void {
  localStorage.removeItem(nameOf(file, purpose));
}
