/**
 * A file through the steps of a recipe, row by row, in as many passes as the recipe needs.
 *
 * A step that must see all rows before it judges one (near duplicates, balance) gets a pass over what the steps
 * before it leave. The last pass gives the lines of the output; a row that nothing changed is given to the letter.
 * Rows with errors are left out first, and counted like everything else.
 */

import type { ExampleFormat } from '../../domain/example.ts';
import { formatOfRow } from '../format.ts';
import { excerpt } from '../findings/finding.ts';
import { isError, type Fields } from '../problem.ts';
import { readTextRows } from '../text-rows.ts';
import type { Recipe, StepName } from './recipe.ts';
import type { Change, CleanRow, Outcome, Step } from './step.ts';
import { makeStep } from './steps.ts';

export interface StepReport {
  /** `errors`: the rows that are no examples. */
  readonly step: StepName | 'errors';
  changed: number;
  removed: number;
  /** The first few. */
  readonly samples: (Change & { readonly line: number })[];
}

export interface CleanReport {
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly steps: readonly StepReport[];
}

export interface CleanOptions {
  readonly signal?: AbortSignal;
  /** Told how much of the file was read, in which of how many passes. */
  readonly onProgress?: (bytes: number, pass: number, passes: number) => void;
}

interface NamedStep {
  readonly report: StepReport;
  readonly step: Step;
}

const samplesKept = 5;

export class Cleaning {
  readonly #path: string;
  readonly #options: CleanOptions;
  readonly #steps: readonly NamedStep[];
  readonly #errors: StepReport = reportOf('errors');
  #rowsIn = 0;
  #rowsOut = 0;
  #pass = 0;

  private constructor(path: string, steps: readonly NamedStep[], options: CleanOptions) {
    this.#path = path;
    this.#steps = steps;
    this.#options = options;
  }

  /** Makes all passes but the last. */
  static async prepare(path: string, recipe: Recipe, options: CleanOptions = {}): Promise<Cleaning> {
    const steps: NamedStep[] = [];
    for (const settings of recipe.steps) {
      const step = await makeStep(settings, { seed: recipe.seed, ...(options.signal && { signal: options.signal }) });
      steps.push({ report: reportOf(settings.step), step });
    }
    const cleaning = new Cleaning(path, steps, options);
    for (const [i, { step }] of steps.entries()) if (step.survey !== undefined) await cleaning.#survey(step.survey, i);
    return cleaning;
  }

  async #survey(survey: NonNullable<Step['survey']>, stepsBefore: number): Promise<void> {
    const apply = this.#steps.slice(0, stepsBefore).map(({ step }) => step.begin());
    for await (const { row } of this.#rows()) {
      let left: CleanRow | null = row;
      for (const each of apply) left = left === null ? null : each(left).row;
      if (left !== null) survey.see(left);
    }
    await survey.settle();
  }

  /** The lines of the output; the report is whole after the last. */
  async *lines(): AsyncGenerator<string, void> {
    const apply = this.#steps.map(({ step, report }) => ({ step: step.begin(), report }));
    for await (const { row, text } of this.#rows(this.#errors)) {
      let left: CleanRow | null = row;
      for (const { step, report } of apply) {
        const outcome: Outcome = step(left);
        note(report, row.line, outcome);
        left = outcome.row;
        if (left === null) break;
      }
      if (left === null) continue;
      this.#rowsOut += 1;
      yield left === row ? text : JSON.stringify(left.value);
    }
  }

  report(): CleanReport {
    const steps = this.#steps.map(({ report }) => report);
    return {
      rowsIn: this.#rowsIn,
      rowsOut: this.#rowsOut,
      steps: this.#errors.removed > 0 ? [this.#errors, ...steps] : steps,
    };
  }

  async *#rows(
    errors: StepReport = reportOf('errors'),
  ): AsyncGenerator<{ readonly row: CleanRow; readonly text: string }, void> {
    const { signal, onProgress } = this.#options;
    const pass = ++this.#pass;
    const passes = 1 + this.#steps.filter(({ step }) => step.survey !== undefined).length;
    this.#rowsIn = 0;
    let format: ExampleFormat | null = null;
    const onBytes = (bytes: number): void => onProgress?.(bytes, pass, passes);
    for await (const { line, text, value, checked, problems } of readTextRows(this.#path, {
      ...(signal && { signal }),
      onProgress: onBytes,
    })) {
      this.#rowsIn += 1;
      format = checked?.format ?? format;
      const error = problems.find(isError);
      if (error !== undefined)
        note(errors, line, { row: null, change: { before: excerpt(text), after: error.message } });
      else yield { row: { line, format: format ?? formatOfRow(value) ?? 'chat', value: value as Fields }, text };
    }
  }
}

const reportOf = (step: StepReport['step']): StepReport => ({ step, changed: 0, removed: 0, samples: [] });

function note(report: StepReport, line: number, { row, change }: Outcome): void {
  if (change === null) return;
  if (row === null) report.removed += 1;
  else report.changed += 1;
  if (report.samples.length < samplesKept) report.samples.push({ line, ...change });
}
