/**
 * Whether the pairs of a file show where a prompt ends and where an answer does.
 *
 * Bare text has no template for that: what is in the file is what is trained. A model that was never shown an end
 * does not find one, which is seen only when it is used, so it is a warning for the whole file.
 */

import type { AnyExample } from '../domain/example.ts';
import type { Report } from './problem.ts';
import { Measure, Survey } from './repair/habits.ts';

const fix = (text: string): string => `--fix adds ${JSON.stringify(text)} in a copy.`;

export class Conventions {
  readonly #survey = new Survey('completion');
  readonly #measure = new Measure('completion');
  #pairs = 0;

  add(checked: AnyExample): void {
    if (checked.format !== 'completion') return;
    this.#pairs += 1;
    this.#survey.add(checked.example);
    this.#measure.add(checked.example);
  }

  judge(report: Report): void {
    if (this.#pairs < 2) return;
    const { kind } = this.#survey.result();
    if (this.#measure.samePrompts) {
      report.add(
        'identical_prompts',
        { path: '$.prompt', name: 'The file' },
        {
          found: 'the same prompt in every row',
          expected: 'prompts that differ as their completions do',
          suggestion: 'To have texts written without being asked, leave every prompt empty ("").',
        },
      );
    }
    if (this.#measure.sameAnswers && kind !== 'classification') {
      report.add(
        'identical_completions',
        { path: '$.completion', name: 'The file' },
        { found: 'the same completion in every row', expected: 'completions that answer their prompts' },
      );
    }
    const { separator, stop } = this.#measure.result(kind);
    if (separator !== '') {
      report.add(
        'no_separator',
        { path: '$.prompt', name: 'The file' },
        {
          found: 'prompts that end in different ways',
          expected: 'the same separator at the end of every prompt, so that the model knows when to answer',
          suggestion: fix(separator),
        },
      );
    }
    if (stop !== '') {
      report.add(
        'no_stop_sequence',
        { path: '$.completion', name: 'The file' },
        {
          found: 'completions that end in different ways',
          expected: 'the same stop sequence at the end of every completion, to stop at when the model is used',
          suggestion: fix(stop),
        },
      );
    }
    if (this.#measure.lacksSpace) {
      report.add(
        'no_leading_space',
        { path: '$.completion', name: 'The file' },
        {
          found: 'completions that do not begin with a space',
          expected: 'a space before the first word, where most tokens have theirs',
          suggestion: fix(' '),
        },
      );
    }
  }
}
