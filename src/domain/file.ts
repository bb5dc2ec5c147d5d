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
};
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
