/** A text that was found somewhere, and where. */

export interface CollectedText {
  readonly text: string;
  /** The URL as it was listed, or the path inside the folder. */
  readonly source: string;
  readonly title?: string;
  /** Of a file: the folder it lies in, which often is a label. */
  readonly folder?: string;
}

/** Something that gave no text, and why; the rest goes on. */
export interface Skipped {
  readonly source: string;
  readonly reason: string;
  /** The code of the error behind the reason, where it has one. */
  readonly code?: string | null;
}

export type Found = { readonly found: CollectedText } | { readonly skipped: Skipped };
