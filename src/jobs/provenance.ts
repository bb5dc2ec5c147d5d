/** Which bytes a job read and which it made, by their hashes; a model's files are hashed when somebody asks first. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileObject } from '../domain/file.ts';
import type { Job } from '../domain/job.ts';
import type { LineageFile } from '../domain/lineage.ts';
import type { HashedFile, JobProvenance } from '../domain/provenance.ts';
import type { TrainingPlan } from '../engine/protocol.ts';
import type { Rows } from './records.ts';

const known = new Map<string, Promise<string>>();
const knownMax = 500;

/** `home` is the data folder. */
export async function provenanceOf(rows: Rows, home: string, job: Job, plan: string | null): Promise<JobProvenance> {
  const { training_file, validation_file, fine_tuned_model: id } = job;
  const ids = { training: training_file, validation: validation_file };
  const roles = (['training', 'validation'] as const).filter((role) => ids[role] !== null);
  const base = plan === null ? null : (JSON.parse(plan) as TrainingPlan).model;
  return {
    object: 'fine_tuning.job.provenance',
    job: job.id,
    data: await Promise.all(roles.map((role) => fileOf(rows, role, ids[role]!))),
    base: base === null ? null : { id: base.id, sha256: base.sha256 },
    model: id === null ? null : await modelOf(rows, home, id),
  };
}

async function fileOf(rows: Rows, role: LineageFile['role'], id: string): Promise<LineageFile> {
  const row = await rows.selectFrom('files').select(['object', 'sha256']).where('id', '=', id).executeTakeFirst();
  const file = row === undefined ? null : (JSON.parse(row.object) as FileObject);
  return { role, id, filename: file?.filename ?? null, bytes: file?.bytes ?? null, sha256: row?.sha256 ?? null };
}

async function modelOf(rows: Rows, home: string, id: string): Promise<JobProvenance['model']> {
  const row = await rows.selectFrom('models').select('folder').where('id', '=', id).executeTakeFirst();
  if (row === undefined) return null;
  const folder = join(home, row.folder);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files: HashedFile[] = [];
  for (const { name } of entries.filter((entry) => entry.isFile()).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, name);
    const { size, mtimeMs } = await stat(path);
    files.push({ name, bytes: size, sha256: await hashOf(path, `${path} ${size} ${mtimeMs}`) });
  }
  return { id, files };
}

/** Models never change, so a hash holds as long as size and time do. */
function hashOf(path: string, key: string): Promise<string> {
  const hash = known.get(key) ?? sha256Of(path);
  known.set(key, hash);
  hash.catch(() => known.delete(key));
  if (known.size > knownMax) known.delete(known.keys().next().value!);
  return hash;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
