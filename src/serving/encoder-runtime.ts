/**
 * What a runtime does whose model is an encoder: our own engine reads texts, one command after the other.
 *
 * Texts of one command are read together; a command that was cancelled while it waited is passed over.
 */

import { EncoderReader } from '../engine/nn/encoder-reader.ts';
import type { EmbedCommand, ReadCommand, RuntimeCommand, RuntimeReport, RuntimeSettings } from './protocol.ts';

export class EncoderRuntime {
  readonly #reader: EncoderReader;
  readonly #report: (report: RuntimeReport) => void;
  readonly #waiting: (EmbedCommand | ReadCommand)[] = [];
  #working = false;

  private constructor(reader: EncoderReader, report: (report: RuntimeReport) => void) {
    this.#reader = reader;
    this.#report = report;
  }

  static async open(
    { modelPath, threads }: RuntimeSettings,
    report: (report: RuntimeReport) => void,
  ): Promise<EncoderRuntime> {
    return new EncoderRuntime(await EncoderReader.open(modelPath, threads), report);
  }

  submit(command: RuntimeCommand): void {
    switch (command.type) {
      case 'embed':
      case 'read':
        this.#waiting.push(command);
        void this.#work();
        return;
      case 'cancel': {
        const at = this.#waiting.findIndex(({ id }) => id === command.id);
        if (at >= 0) this.#waiting.splice(at, 1);
        return;
      }
      case 'generate':
        this.#report({ type: 'failed', id: command.id, message: 'an encoder reads texts; it does not write any' });
        return;
      case 'end-choice':
      case 'threads': // sessions keep theirs
        return;
      default:
        throw command satisfies never;
    }
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (let command = this.#next(); command !== undefined; command = this.#next()) {
      try {
        await this.#answer(command);
      } catch (error) {
        this.#report({ type: 'failed', id: command.id, message: (error as Error).message });
      }
      // A run blocks the thread: cancellations that came meanwhile are heard here.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#working = false;
  }

  /** Whoever waits for an answer goes before background work. */
  #next(): EmbedCommand | ReadCommand | undefined {
    const urgent = this.#waiting.findIndex(({ priority }) => priority === 'interactive');
    return this.#waiting.splice(Math.max(0, urgent), 1)[0];
  }

  async #answer(command: EmbedCommand | ReadCommand): Promise<void> {
    const { id } = command;
    if (command.type === 'embed') {
      const vectors = await this.#reader.vectors(command.inputs);
      for (const [input, vector] of vectors.entries())
        this.#report({ type: 'embedding', id, input, vector: Float64Array.from(vector) });
      return;
    }
    const [logits] = await this.#reader.judge([{ ids: command.ids, positions: command.positions }]);
    this.#report({ type: 'logits', id, logits: logits! });
  }
}
