/** A row of a training file on the wire: as it is, what is wrong with it, and how a model would see it. */

import type { ExampleFormat } from './example.ts';
import type { FileProblem, RepairChange } from './file-check.ts';

export interface FileExample {
  readonly object: 'file.example';
  /** Of the file, from 1. */
  readonly line: number;
  readonly format: ExampleFormat;
  /** What the line holds; null when it is no JSON, or too long to be shown whole. */
  readonly value: unknown;
  /** The line itself where `value` is null, cut where it is long. */
  readonly text: string | null;
  readonly bytes: number;
  readonly problems: readonly FileProblem[];
  /** What the row would be after its repairs; null where there is nothing to repair. */
  readonly repair: {
    /** Null when it would be left out. */
    readonly value: unknown;
    readonly changes: readonly (RepairChange & { readonly name: string })[];
    /** Whether errors stay. */
    readonly broken: boolean;
  } | null;
  /** Null unless a model was named, and of rows with errors. */
  readonly sequences: readonly TokenSequence[] | null;
  /** Why the model cannot see a row that is otherwise right. */
  readonly refusal: string | null;
}

/** One token for each place of the lists. The texts, put together, are the sequence. */
export interface TokenSequence {
  readonly title: string | null;
  readonly length: number;
  /** How many carry loss and are not cut. */
  readonly supervised: number;
  /** How many lie behind the longest sequence that is trained. */
  readonly cut: number;
  /** Of an encoder: what it is to answer; its tokens carry no loss of their own. */
  readonly label: string | null;
  readonly ids: readonly number[];
  readonly texts: readonly string[];
  /** 1 where the model is judged by the token. */
  readonly loss: readonly (0 | 1)[];
  /** 1 where the token is a control token of the model. */
  readonly special: readonly (0 | 1)[];
}
