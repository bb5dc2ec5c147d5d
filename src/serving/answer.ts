/**
 * An answer on its way: reports of a runtime, in order, until every choice is complete.
 *
 * Whoever iterates may end a choice early, when a stop string was seen, and may walk away, which cancels the rest.
 */

import type { GenerateCommand, PromptReport, TokensReport } from './protocol.ts';

type Report = PromptReport | TokensReport;

export type AnswerRequest = Omit<GenerateCommand, 'type' | 'id'>;

interface Wires {
  endChoice(choice: number): void;
  cancel(): void;
  /** Called once, when nothing more will come. */
  done(): void;
}

export class Answer implements AsyncIterable<Report> {
  readonly #wires: Wires;
  readonly #ended: boolean[];
  #arrived: Report[] = [];
  #error: { readonly reason: unknown } | null = null;
  #wake: () => void = () => {};

  constructor(choices: number, wires: Wires) {
    this.#wires = wires;
    this.#ended = Array.from({ length: choices }, () => false);
  }

  push(report: Report): void {
    if (report.type === 'tokens' && this.#ended[report.choice]) return; // on their way when the choice was ended
    this.#arrived.push(report);
    if (report.type === 'tokens' && report.end !== null) this.#endOf(report.choice);
    this.#wake();
  }

  /** Nothing more will come; whoever iterates hears why. */
  fail(error: unknown): void {
    this.#error = { reason: error };
    this.#wires.done();
    this.#wake();
  }

  /** Ends the work on it from outside the iteration. */
  abort(reason: unknown): void {
    if (this.#over) return;
    this.#wires.cancel();
    this.fail(reason);
  }

  endChoice(choice: number): void {
    this.#arrived = this.#arrived.filter((report) => report.type === 'prompt' || report.choice !== choice);
    if (this.#ended[choice]) return;
    this.#wires.endChoice(choice);
    this.#endOf(choice);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Report, void> {
    try {
      for (;;) {
        for (let report = this.#arrived.shift(); report !== undefined; report = this.#arrived.shift()) yield report;
        if (this.#complete) return;
        if (this.#error !== null) throw this.#error.reason;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.abort(null);
    }
  }

  get #complete(): boolean {
    return this.#ended.every(Boolean);
  }

  get #over(): boolean {
    return this.#complete || this.#error !== null;
  }

  #endOf(choice: number): void {
    this.#ended[choice] = true;
    if (this.#complete) this.#wires.done();
  }
}
