/**
 * Everything there is to say of a training file at once: its problems and what a repair would do, findings, statistics,
 * tokens and what OpenAI took for training on it.
 *
 * The parts read the file one after the other, each in the way it does for the command line. What comes out has a
 * bound, however large the file is. It computes without regard to others: it belongs into a thread of its own.
 */

import { stat } from 'node:fs/promises';
import type { FileCheck, FileProblem } from '../../domain/file-check.ts';
import { openCodec } from '../../text/open-codec.ts';
import { checkFile, type CheckOptions } from '../check.ts';
import type { FileRole } from '../faults.ts';
import { examineFiles, type NamedFile } from '../findings/examine.ts';
import { epochsOf, priceSource, reinforcementPrice, trainingPrices, type Epochs } from '../price.ts';
import type { Problem } from '../problem.ts';
import { passes, planRepair } from '../repair/repair.ts';
import { statisticsOf, type CountingBase, type Statistics } from '../statistics/statistics.ts';
import { findingsOf, repairOf, statisticsTold } from './told.ts';

export interface CheckupRequest {
  readonly path: string;
  readonly role: FileRole;
  /** A file that should have nothing in common with it. */
  readonly against: string | null;
  /** Whose tokens are counted, and whether it talks: an encoder cuts in a way of its own. */
  readonly base: (CountingBase & { readonly talks: boolean }) | null;
  /** Null for the number that a job would take. */
  readonly epochs: number | null;
}

export type CheckedFile = Omit<FileCheck, 'file' | 'filename' | 'sha256' | 'here'>;

export interface Checkup {
  readonly check: CheckedFile;
  readonly epochs: number;
  /** Of the base model's tokens: each length with how often it occurs; null where the base counted nothing. */
  readonly lengths: readonly (readonly [tokens: number, count: number])[] | null;
}

/** Told how many bytes were read, of so many in all, and what for. */
export type OnProgress = (bytes: number, of: number, what: string) => void;

/** More problems are counted and not shown one by one. */
const problemsKept = 400;

export async function checkUp(request: CheckupRequest, onProgress: OnProgress = () => {}): Promise<Checkup> {
  const { path, role, against, base } = request;
  const { size } = await stat(path);
  const sizeAgainst = against === null ? 0 : (await stat(against)).size;
  const total = size * (3 + passes) + sizeAgainst;
  let before = 0;
  const reading = (what: string) => (bytes: number) => onProgress(before + bytes, total, what);
  const done = (bytes: number): void => void (before += bytes);

  const problems: Problem[] = [];
  const report = await checkFile(path, {
    role,
    ...(base?.talks === true && { model: await modelOf(base) }),
    onProgress: reading('Checking every line'),
    onProblem: (problem) => void (problems.length < problemsKept && problems.push(problem)),
  });
  done(size);
  const isText = report.groups.every(({ code }) => code !== 'not_text');
  const needsRepair = isText && report.errors + report.warnings > 0;
  const repair = needsRepair ? await repairOf(await planned(path, base, reading('Looking for repairs'))) : null;
  done(size * passes);
  const statistics = isText
    ? await statisticsOf(path, { base, sizeBytes: size, onProgress: reading('Counting tokens') })
    : null;
  done(size);
  const named = filesOf(path, role, against);
  const sizes = { [path]: size, ...(against !== null && { [against]: sizeAgainst }) };
  let sizeRead = 0;
  let last: NamedFile | null = null;
  const found = isText
    ? await examineFiles(named, {
        onProgress: (file, bytes) => {
          if (last !== null && last !== file) sizeRead += sizes[last.file]!;
          last = file;
          reading('Comparing examples')(sizeRead + bytes);
        },
      })
    : { findings: [] };

  const epochs = epochsOf(statistics?.examples ?? 0, request.epochs);
  const lengths = statistics?.tokens.find(({ counter }) => counter === base?.id)?.lengths.entries() ?? null;
  return {
    epochs: epochs.count,
    lengths: lengths?.length === 0 ? null : lengths,
    check: {
      bytes: size,
      format: report.format,
      examples: report.examples,
      faulty_examples: report.faultyExamples,
      errors: report.errors,
      warnings: report.warnings,
      groups: report.groups.map((group) => ({ ...group, first: problemTold(group.first) })),
      problems: problems.map(problemTold),
      repair,
      findings: findingsOf(found.findings, role),
      statistics:
        statistics === null || statistics.examples === 0 ? null : statisticsTold(statistics, base?.id ?? null),
      price: statistics === null || statistics.examples === 0 ? null : priceOf(statistics, epochs),
    },
  };
}

/** The fields in OpenAI's manner are the same as ours. */
export const problemTold = (problem: Problem): FileProblem => problem;

async function modelOf({ path, contextTokens }: CountingBase): Promise<NonNullable<CheckOptions['model']>> {
  return { codec: await openCodec(path), tokensMax: contextTokens };
}

async function planned(path: string, base: CheckupRequest['base'], onProgress: (bytes: number) => void) {
  const model = base?.talks === true ? { model: await modelOf(base) } : {};
  return await planRepair(path, { ...model, onProgress });
}

function filesOf(path: string, role: FileRole, against: string | null): NamedFile[] {
  const own: NamedFile = { role, file: path };
  if (against === null) return [own];
  const other: NamedFile = { role: role === 'training' ? 'validation' : 'training', file: against };
  return role === 'training' ? [own, other] : [other, own];
}

function priceOf(statistics: Statistics, epochs: Epochs): FileCheck['price'] {
  return {
    epochs: epochs.count,
    epochs_auto: epochs.auto,
    source: priceSource.text,
    models: trainingPrices(statistics, epochs, 0).map(({ model, tokensPerEpoch, trainedTokens, usd }) => ({
      model,
      tokens_per_epoch: tokensPerEpoch,
      trained_tokens: trainedTokens,
      usd,
    })),
    usd_per_hour: statistics.format === 'reinforcement' ? reinforcementPrice.usdPerHour : null,
  };
}
