/**
 * An uploaded or produced file, as OpenAI shows it. Its bytes live in the blob store under its id.
 *
 * The live service sends `null` where the official type lets a field be absent, and lists files uploaded for evals.
 */

import type OpenAI from 'openai';

type OfficialFile = OpenAI.Files.FileObject;

export type FileObject = Omit<OfficialFile, 'purpose' | 'expires_at' | 'status_details'> & {
  purpose: OfficialFile['purpose'] | OpenAI.FilePurpose;
  expires_at: number | null;
  status_details: string | null;
  /** Ours: of a file that was made from another one, which one and what was changed. */
  derived_from?: Derivation;
};

export interface Derivation {
  readonly file_id: string;
  readonly filename: string;
  /** Of the content it was made from, hex. */
  readonly sha256: string;
  /** Lines that a person changed, took out and added. */
  readonly edited: number;
  readonly removed: number;
  readonly added: number;
  /** Rows that the repairs left out: copies, empty ones, and, where that was wished, what could not be mended. */
  readonly left_out: number;
  /** Null unless repairs were asked for. */
  readonly repairs: readonly { readonly name: string; readonly count: number }[] | null;
}
export type FilePurpose = FileObject['purpose'];

/** Purposes a client may upload with; the others only ever come from us. */
export const uploadPurposes = [
  'assistants',
  'batch',
  'fine-tune',
  'vision',
  'user_data',
  'evals',
] as const satisfies readonly OpenAI.FilePurpose[];
