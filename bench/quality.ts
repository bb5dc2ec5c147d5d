/**
 * `npx tsx bench/quality.ts`: what docs/quality.md reports, trained and measured anew, and written into that page.
 *
 *   npx tsx bench/quality.ts [--watts 65 --kwh-price 0.3]    twenty minutes or so on two cores
 *   npx tsx bench/quality.ts --small                         a few of each, to see that it works; writes nothing
 *   npx tsx bench/quality.ts spam | extraction               only one of the two
 *
 * Nothing but the commands that the page names, in the data folder that they always use, so what was trained or
 * answered before is found again. Latencies and energy want a machine that is left alone.
 */

import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { runCommandLine } from '../src/cli/program.ts';
import { change, estimate, hereShown, milliseconds } from '../src/cli/compare/view.ts';
import type { Compared } from '../src/evals/compare/compare.ts';
import { probability } from '../src/evals/compare/verdict.ts';

const words = process.argv.slice(2);
const small = words.includes('--small');
const wanted: readonly string[] = words.filter((word) => word === 'spam' || word === 'extraction');
const costs = words.filter((word) => word !== '--small' && !wanted.includes(word));
const root = join(import.meta.dirname, '..');
const home = process.env['TUNESMITH_HOME'] ?? join(homedir(), '.tunesmith');
const page = join(root, 'docs/quality.md');

/** What the command printed; its progress goes to the terminal. */
async function tunesmith(...command: string[]): Promise<string> {
  console.error(`$ tunesmith ${command.join(' ')}`);
  let printed = '';
  const { env, stdin, stderr } = process;
  const stdout = { isTTY: process.stderr.isTTY, columns: 100, write: (text: string | Uint8Array) => (printed += Buffer.from(text).toString()) }; // prettier-ignore
  const signal = new AbortController().signal;
  const code = await runCommandLine(command, { env, stdin, stdout, stderr, signal });
  if (code !== 0) throw new Error(`tunesmith ${command[0]} ended with ${code}.`);
  return printed;
}

async function spam(): Promise<Compared> {
  const sizes = small ? ['--train-size', '40', '--test-size', '20', '--epochs', '1'] : [];
  const { model } = JSON.parse(await tunesmith('quickstart', '--json', ...sizes)) as { model: string };
  const [train, test] = ['train', 'test'].map((name) => join(home, 'quickstart', `${name}.jsonl`));
  return await compared(test!, model, '--train', train!);
}

async function extraction(): Promise<Compared> {
  const folder = join(home, 'quoted');
  execFileSync(process.execPath, [join(root, 'examples/quoted-mails.mjs'), folder], { stdio: 'inherit' });
  const [train, validation, test] = ['train', 'validation', 'test'].map((name) => join(folder, `${name}.jsonl`));
  const suffix = small ? 'quoted-small' : 'quoted';
  await tunesmith('models', 'pull', 'smollm2-135m-instruct');
  const training = ['--epochs', small ? '1' : '4', '--batch-size', '8', '--set', 'learning_rate=5e-4', '--seed', '7'];
  if (small) await head(train!, 40);
  const made = async (): Promise<string | undefined> => {
    const jobs = JSON.parse(await tunesmith('jobs', 'list', '--json', '--limit', '100')) as { status: string; fine_tuned_model: string | null }[]; // prettier-ignore
    return jobs.find(({ status, fine_tuned_model: model }) => status === 'succeeded' && model?.split(':')[3] === suffix)?.fine_tuned_model ?? undefined; // prettier-ignore
  };
  if ((await made()) === undefined)
    await tunesmith('jobs', 'create', '--model', 'smollm2-135m-instruct', '--file', train!, '--validation-file', validation!, '--suffix', suffix, ...training, '--follow', '--json'); // prettier-ignore
  return await compared(test!, (await made())!);
}

async function compared(test: string, model: string, ...more: string[]): Promise<Compared> {
  const limit = small ? ['--limit', '8', '--shots', '2'] : ['--shots', '8', '--report', `${test}.html`];
  return JSON.parse(await tunesmith('compare', test, model, ...more, '--checkpoints', ...limit, ...costs, '--json')) as Compared; // prettier-ignore
}

async function head(path: string, count: number): Promise<void> {
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, count);
  await writeFile(path, `${lines.join('\n')}\n`);
}

/** As the page shows it. */
function markdown({ rows, verdict, count, reference }: Compared): string {
  const titles = rows[0]!.evaluation.figures.slice(0, 2).map(({ title }) => `${title} %`);
  const heads = ['', ...titles, 'against reference', 'p', 'prompt', 'p50', 'p95', '1,000 there', '1,000 here'];
  const cells = rows.map((row) => {
    const { name, evaluation, difference, there } = row;
    const { figures, costs } = evaluation;
    return [
      name === verdict.use ? `**${name}**` : name,
      ...figures.slice(0, 2).map((figure) => estimate(figure.estimate)),
      difference === null ? 'reference' : change(difference.comparison.difference, difference.significant),
      difference === null ? '' : probability(difference.pAdjusted),
      costs.promptTokens > 0 ? costs.promptTokens.toFixed(0) : '',
      milliseconds(costs.latencyMs.p50),
      milliseconds(costs.latencyMs.p95),
      there === null ? '' : `$${there.usd.toPrecision(2)}`,
      hereShown(row) ?? '',
    ];
  });
  const line = (each: readonly string[]): string => `| ${each.join(' | ')} |`;
  const machine = `${count} questions, against ${reference}. ${cpus()[0]!.model.trim()}, ${availableParallelism()} cores, ${new Date().toISOString().slice(0, 10)}.`; // prettier-ignore
  return [...[heads, heads.map(() => '---'), ...cells].map(line), '', `> ${verdict.sentence}`, '', machine].join('\n');
}

for (const [name, measure] of Object.entries({ spam, extraction })) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const table = markdown(await measure());
  console.log(`\n${table}\n`);
  if (small) continue;
  const text = await readFile(page, 'utf8');
  const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  if (!text.includes(start) || !text.includes(end)) throw new Error(`${page} has no place for ${name}.`);
  const [before, after] = [text.slice(0, text.indexOf(start) + start.length), text.slice(text.indexOf(end))];
  await writeFile(page, `${before}\n\n${table}\n\n${after}`);
}
