/** A large file on its way in, piece by piece, as OpenAI shows it. */

import type OpenAI from 'openai';
import type { FileObject } from './file.ts';

export type Upload = Omit<OpenAI.Upload, 'file'> & { file: FileObject | null };
export type UploadPart = OpenAI.Uploads.UploadPart;
