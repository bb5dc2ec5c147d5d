/** `tunesmith data check --fix`: the repaired copy, with every sort of repair counted and shown once. */

import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { repairTitles, type RepairName } from '../../dataset/repair/changes.ts';
import { passes, repairFile, type RepairOptions, type RepairReport } from '../../dataset/repair/repair.ts';
import type { Context } from '../context.ts';
import { table } from '../terminal.ts';
import { checkOutput } from './output.ts';
import { fileProgress } from './progress.ts';

export interface FixFlags {
  readonly output?: string;
  readonly force?: boolean;
  readonly drop?: boolean;
  readonly skip?: readonly RepairName[];
}

export interface Fixed extends RepairReport {
  readonly output: string;
}

export async function fix(
  { terminal }: Context,
  flags: FixFlags,
  input: string,
  shared: Pick<RepairOptions, 'format' | 'model' | 'signal'>,
): Promise<Fixed> {
  const output = flags.output ?? join(dirname(input), `${basename(input, extname(input))}_prepared.jsonl`);
  const { size } = await stat(input);
  await checkOutput({ ...flags, output }, input);
  const report = await repairFile(input, output, {
    ...shared,
    ...(flags.skip !== undefined && { skip: flags.skip }),
    drop: flags.drop === true,
    onProgress: fileProgress(terminal, 'repaired', size * passes),
  }).finally(() => terminal.live(''));
  if (!terminal.json) terminal.data(repairsText(report, output));
  return { output, ...report };
}

function repairsText(report: RepairReport, output: string): string {
  const { repairs, rowsRead, rowsWritten, broken, habits, format } = report;
  const rows = repairs.map(({ name, count, changes: [first] }) => [
    name,
    count,
    repairTitles[name],
    `line ${first!.line}: ${first!.before} → ${first!.after}`,
  ]);
  const [read, written] = [rowsRead, rowsWritten].map((number) => number.toLocaleString('en'));
  return [
    ...(rows.length === 0 ? ['Nothing to repair.'] : [table(['REPAIR', 'COUNT', 'WHAT', 'FIRST'], rows)]),
    '',
    `${output}: ${written} of ${read} rows`,
    ...(broken.length === 0 ? [] : [`${broken.length.toLocaleString('en')} of them could not be repaired whole`]),
    ...(format === 'completion' ? advice(habits) : []),
    ...nextSteps(report, output),
    '',
  ].join('\n');
}

/** What to send to the trained model, now that every row has it. */
function advice({ separator, stop }: RepairReport['habits']): readonly string[] {
  return [
    ...(separator === '' ? [] : [`When asking the model, end the prompt with ${JSON.stringify(separator)}.`]),
    ...(stop === '' ? [] : [`When asking the model, use "stop": [${JSON.stringify(stop)}].`]),
  ];
}

/** Fewer seldom teach a task. */
const rowsAdvised = 100;

/** The way from here to a model, by what the rows are. */
function nextSteps({ format, task, rowsWritten }: RepairReport, output: string): readonly string[] {
  if (rowsWritten === 0 || format === 'preference' || format === 'reinforcement') return [];
  const few = `${rowsWritten.toLocaleString('en')} examples are few: several hundred teach most tasks better, and each doubling helps.`;
  const stem = output.replace(/\.jsonl$/, '');
  const chats = format === 'chat' ? stem : `${stem}_chat`;
  const isLabelled = task === 'classification';
  const files = isLabelled
    ? `--file ${chats}_train.jsonl --validation-file ${chats}_validation.jsonl`
    : `--file ${chats}.jsonl`;
  return [
    ...(rowsWritten < rowsAdvised ? [few] : []),
    '',
    isLabelled ? 'The answers look like labels. To train on one part and measure on the others:' : 'To train on it:',
    ...(format === 'chat' ? [] : [`  $ tunesmith data convert ${output} -o ${chats}.jsonl`]),
    ...(isLabelled ? [`  $ tunesmith data split ${chats}.jsonl`] : []),
    `  $ tunesmith jobs create --model smollm2-135m-instruct ${files} --follow`,
  ];
}
