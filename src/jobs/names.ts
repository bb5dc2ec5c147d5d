/**
 * What a job's models are called: `ft:<base>:<organisation>:<suffix>:<8 letters>`, five segments always, and
 * `:ckpt-step-<n>` for a checkpoint that is not the end. Each checkpoint has letters of its own, drawn from the
 * job and the step, so that naming a model twice names it the same.
 */

import { createHash } from 'node:crypto';
import type { Job } from '../domain/job.ts';

export interface NameParts {
  readonly job: Job;
  readonly organization: string;
  readonly step: number;
  readonly final: boolean;
}

export function modelName({ job, organization, step, final }: NameParts): string {
  const name = `ft:${baseName(job.model)}:${organization}:${job.user_provided_suffix ?? ''}:${letters(job.id, step)}`;
  return final ? name : `${name}:ckpt-step-${step}`;
}

/** The base as the first job of the line named it: a fine-tune of a fine-tune keeps it. */
export function baseName(model: string): string {
  return model.startsWith('ft:') ? model.split(':')[1]! : model;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function letters(jobId: string, step: number): string {
  const bytes = createHash('sha256').update(`${jobId} ${step}`).digest();
  return Array.from({ length: 8 }, (_, i) => alphabet[bytes.readUInt16BE(2 * i) % alphabet.length]).join('');
}
