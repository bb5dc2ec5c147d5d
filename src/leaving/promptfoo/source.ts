/**
 * A Promptfoo configuration from disk: YAML or JSON, and the files that it names beside it.
 *
 * It may have come from anywhere, so nothing in it runs, no variable of the environment is read, nothing is fetched,
 * and no file outside its folder is opened, whatever links say. Aliases and sizes are limited.
 */

import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, extname, resolve, sep } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import { parse as parseYaml } from 'yaml';
import { invalid } from '../../domain/errors.ts';

export type Values = Readonly<Record<string, unknown>>;

/** What was left out, and where it stands. */
export interface Unsupported {
  readonly where: string;
  readonly what: string;
}

const bytesMax = 8 << 20;

export class ConfigFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async of(file: string): Promise<ConfigFolder> {
    return new ConfigFolder(await realpath(dirname(resolve(file))));
  }

  /** The text of a file that the configuration names; `where` says where it does. */
  async readText(reference: string, where: string): Promise<string> {
    const named = reference.replace(/^file:\/\//, '');
    const path = await realpath(resolve(this.path, named)).catch(() => {
      throw invalid(null, `${where} names ${reference}, which is not there.`);
    });
    if (!path.startsWith(this.path + sep))
      throw invalid(null, `${where} names ${reference}, which is outside the configuration's folder and is not read.`);
    const { size } = await fileStat(path, `${where} names ${reference}, which`);
    if (size > bytesMax) throw invalid(null, `${where} names ${reference}, which is larger than ${bytesMax} bytes.`);
    return readFile(path, 'utf8');
  }
}

export async function readConfig(file: string): Promise<Values> {
  const { size } = await fileStat(file, file);
  if (size > bytesMax) throw invalid(null, `${file} is larger than ${bytesMax} bytes.`);
  const config = parsed(await readFile(file, 'utf8'), file);
  if (!isRecord(config)) throw invalid(null, `${file} is no Promptfoo configuration: an object with "prompts" and "tests" was expected.`); // prettier-ignore
  return config;
}

async function fileStat(path: string, subject: string): Promise<{ size: number }> {
  const found = await stat(path);
  if (!found.isFile()) throw invalid(null, `${subject} is no file.`);
  return found;
}

/** YAML, which JSON is as well. */
export function parsed(text: string, where: string): unknown {
  try {
    return parseYaml(text, { maxAliasCount: 100 });
  } catch (error) {
    throw invalid(null, `${where} is not YAML or JSON (${(error as Error).message.split('\n')[0]}).`);
  }
}

/** Test cases from a file: a list in YAML or JSON, a line each, or the columns of a table. */
export async function testsIn(folder: ConfigFolder, reference: string, where: string): Promise<unknown[]> {
  const kind = extname(reference).toLowerCase();
  if (!['.yaml', '.yml', '.json', '.jsonl', '.csv'].includes(kind))
    throw invalid(null, `${where} names ${reference}; tests are read from YAML, JSON, JSONL and CSV, and no program is run.`); // prettier-ignore
  const text = await folder.readText(reference, where);
  if (kind === '.jsonl')
    return text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [parsed(line, `${reference}, line ${i + 1}`)])); // prettier-ignore
  if (kind === '.csv') {
    const rows = parseCsv(text, { bom: true, columns: true, skip_empty_lines: true, relax_column_count: true });
    return (rows as Record<string, string>[]).map(testOfRow);
  }
  const value = parsed(text, reference);
  if (Array.isArray(value)) return value as unknown[];
  if (isRecord(value) && Array.isArray(value['tests'])) return value['tests'] as unknown[];
  throw invalid(null, `${reference} has no list of test cases.`);
}

/** `__expected` columns hold assertions: `Paris`, `icontains: Paris`, `similar(0.8): Paris`. */
function testOfRow(row: Record<string, string>): Values {
  const vars: Record<string, string> = {};
  const assert: Values[] = [];
  for (const [name, value] of Object.entries(row)) {
    if (/^__expected\d*$/.test(name)) {
      if (value.trim() !== '') assert.push(assertionOf(value));
    } else if (!name.startsWith('__')) vars[name] = value;
  }
  return { vars, assert, ...(row['__description'] !== undefined && { description: row['__description'] }) };
}

function assertionOf(text: string): Values {
  const [, type, threshold, value] =
    /^\s*((?:not-)?[a-z]+(?:-[a-z]+)*)(?:\(([\d.]+)\))?:\s*([\s\S]*)$/.exec(text) ?? [];
  if (type === undefined) return { type: 'equals', value: text };
  const full = type === 'grade' ? 'llm-rubric' : type === 'fn' || type === 'eval' ? 'javascript' : type;
  const list = /^(not-)?i?contains-(all|any)$/.test(full) ? (value ?? '').split(',').map((each) => each.trim()) : value;
  return { type: full, value: list, ...(threshold !== undefined && { threshold: Number(threshold) }) };
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A template's variables replaced by their values, as far as it is names in braces. Conditions, loops, filters and
 * the environment are more than that: they throw, with what they are.
 */
export function rendered(template: string, vars: Values, where: string): string {
  const program = /\{%-?\s*(\w*)[^%]*%\}|\{#/.exec(template);
  if (program !== null)
    throw invalid(null, `${where} has {% ${program[1] ?? '#'} %}; only variables in {{ }} have a meaning here.`);
  return template.replaceAll(/\{\{-?([^{}]*?)-?\}\}/g, (_, inside: string) => {
    const name = inside.trim();
    if (!/^[A-Za-z_]\w*(\.\w+|\[\d+\])*$/.test(name))
      throw invalid(null, `${where} has {{ ${name} }}; only names of variables have a meaning here.`);
    if (/^env\b/.test(name) && !Object.hasOwn(vars, 'env'))
      throw invalid(null, `${where} asks for {{ ${name} }}; the environment is not told to anybody.`);
    let value: unknown = vars;
    for (const step of name.split(/[.[\]]+/).filter((each) => each !== '')) {
      const inner = value as Record<string, unknown> | null | undefined;
      value = typeof inner === 'object' && inner !== null && Object.hasOwn(inner, step) ? inner[step] : undefined;
    }
    if (value === undefined || value === null) return '';
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
}
