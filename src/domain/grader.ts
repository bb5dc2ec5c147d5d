/**
 * Graders, as OpenAI writes them, and what grading gives.
 *
 * A grader looks at an item (what was asked and what was wanted) and a sample (what a model answered) and gives a
 * score. The official type of `multi` holds one grader where the service takes a map from names to graders.
 */

import type OpenAI from 'openai';

export type StringCheckGrader = OpenAI.Graders.StringCheckGrader;
export type TextSimilarityGrader = OpenAI.Graders.TextSimilarityGrader;
export type ScoreModelGrader = OpenAI.Graders.ScoreModelGrader;
export type LabelModelGrader = OpenAI.Graders.LabelModelGrader;
export type PythonGrader = OpenAI.Graders.PythonGrader;

export type SingleGrader =
  StringCheckGrader | TextSimilarityGrader | ScoreModelGrader | LabelModelGrader | PythonGrader;

export type MultiGrader = Omit<OpenAI.Graders.MultiGrader, 'graders'> & { graders: Record<string, SingleGrader> };
export type Grader = SingleGrader | MultiGrader;

/** What is graded: templates and Python graders see these two and nothing else. */
export interface Subject {
  readonly item: unknown;
  /** `output_text`, and whatever else is known about the answer: `output_json`, `output_tools`, `choices`, … */
  readonly sample: Readonly<Record<string, unknown>>;
}

/** What can go wrong while grading, spelt as the service spells it. A failed grading scores 0. */
export type GraderErrors = OpenAI.FineTuning.Alpha.GraderRunResponse.Metadata.Errors;

export interface GraderTokens {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly cached_tokens: number;
}

export interface Grade {
  readonly score: number;
  readonly errors: GraderErrors;
  /** Why it failed, for people; null when all went well. */
  readonly problem: string | null;
  /** The scores of a multi grader's parts. */
  readonly parts: Readonly<Record<string, number>>;
  /** The label that a label model chose. */
  readonly label: string | null;
  /** By the model that graded. */
  readonly tokens: Readonly<Record<string, GraderTokens>>;
}
