/**
 * Graders to begin with: each a filled-in form of OpenAI's, for the fields that the data has.
 *
 * A template says in `{{item.field}}` what the data holds, and in `{{sample.output_text}}` what the model answered.
 */

import type { Grader } from '../../../../src/domain/grader.ts';

/** What a user writes; the mark from which scores pass is an eval's own. */
export type Draft = Grader & { readonly pass_threshold?: number };

export interface Starter {
  readonly words: string;
  /** When to take it, for people who have never seen a grader. */
  readonly about: string;
  readonly make: (facts: {
    readonly answer: string;
    readonly judge: string;
    readonly fields: readonly string[];
  }) => Draft[];
}

const output = '{{sample.output_text}}';

export const starters: readonly Starter[] = [
  {
    words: 'Exact label',
    about: 'The answer must be exactly the expected one. For classification; gives a confusion matrix.',
    make: ({ answer }) => [
      { type: 'string_check', name: 'exact label', operation: 'eq', input: output, reference: `{{item.${answer}}}` },
    ],
  },
  {
    words: 'Contains',
    about: 'The expected text must stand somewhere in the answer, in any case of letters.',
    make: ({ answer }) => [
      { type: 'string_check', name: 'contains', operation: 'ilike', input: output, reference: `{{item.${answer}}}` },
    ],
  },
  {
    words: 'JSON fields',
    about: 'The answer is JSON; each field must equal the one expected. One grader a field.',
    make: ({ fields }) =>
      fields.map((field) => ({
        type: 'string_check',
        name: field,
        operation: 'eq',
        input: `{{sample.output_json.${field}}}`,
        reference: `{{item.${field}}}`,
      })),
  },
  {
    words: 'Similar text',
    about: 'How much of the expected text the answer shares (ROUGE-L, 0 to 1). For summaries and translations.',
    make: ({ answer }) => [
      {
        type: 'text_similarity',
        name: 'similar text',
        evaluation_metric: 'rouge_l',
        input: output,
        reference: `{{item.${answer}}}`,
        pass_threshold: 0.5,
      },
    ],
  },
  {
    words: 'Model as judge',
    about: 'Another model reads the answer and gives it a score. For what no rule can tell.',
    make: ({ answer, judge }) => [
      {
        type: 'score_model',
        name: 'judge',
        model: judge,
        range: [0, 10],
        pass_threshold: 7,
        input: [
          {
            role: 'user',
            content: `Give the answer a score from 0 (useless) to 10 (as good as the reference).\n\nReference: {{item.${answer}}}\n\nAnswer: ${output}`,
          },
        ],
      },
    ],
  },
  {
    words: 'Python',
    about: 'A function of yours gives the score. It runs in a sandbox, with no network and no files.',
    make: ({ answer }) => [
      {
        type: 'python',
        name: 'python',
        pass_threshold: 0.5,
        source: `def grade(sample, item) -> float:\n    """1.0 is right, 0.0 is wrong."""\n    wanted = str(item["${answer}"]).strip().lower()\n    return 1.0 if sample["output_text"].strip().lower() == wanted else 0.0\n`,
      },
    ],
  },
];

export const kindWords: Readonly<Record<string, string>> = {
  string_check: 'Compares texts',
  text_similarity: 'Measures how alike texts are',
  score_model: 'A model gives a score',
  label_model: 'A model chooses a label',
  python: 'A Python function gives a score',
  multi: 'A formula of several graders',
};

export const operations = [
  { value: 'eq', label: 'equals' },
  { value: 'ne', label: 'does not equal' },
  { value: 'like', label: 'contains' },
  { value: 'ilike', label: 'contains, in any case' },
] as const;

export const similarities = ['rouge_l', 'rouge_1', 'bleu', 'meteor', 'gleu', 'fuzzy_match', 'cosine'] as const;

/** In a sentence, for a list. */
export function sentenceOf(grader: Draft): string {
  const from = grader.pass_threshold === undefined ? '' : `; passes from ${grader.pass_threshold}`;
  switch (grader.type) {
    case 'string_check': {
      const words = operations.find(({ value }) => value === grader.operation)?.label ?? grader.operation;
      return `${grader.input} ${words} ${grader.reference}`;
    }
    case 'text_similarity':
      return `${grader.evaluation_metric} of ${grader.input} and ${grader.reference}${from}`;
    case 'score_model':
      return `${grader.model} gives ${(grader.range ?? [0, 1]).join(' to ')}${from}`;
    case 'label_model':
      return `${grader.model} chooses of ${grader.labels.join(', ')}; ${grader.passing_labels.join(', ')} pass`;
    case 'python':
      return `a function of ${grader.source.split('\n').length} lines${from}`;
    default:
      return `${grader.calculate_output}${from}`;
  }
}
