/** An uploaded or produced file, exactly as OpenAI shows it. Its bytes live in the blob store under its id. */

import type OpenAI from 'openai';

export type FileObject = OpenAI.Files.FileObject;
export type FilePurpose = FileObject['purpose'];

/** Purposes a client may upload with; the others only ever come from us. */
export const uploadPurposes = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'] as const;
