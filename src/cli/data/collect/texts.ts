/**
 * Collected texts as lines: raw, with their source, or as training examples where the command line says how.
 *
 * What gave no text is said at once, but not a thousand times.
 */

import type { Command } from 'commander';
import type { CollectedText, Found, Skipped } from '../../../collect/document.ts';
import { toExample } from '../../../dataset/convert/draft.ts';
import { columnsShape } from '../../../dataset/convert/shapes.ts';
import { chooseSlots, type SlotOptions } from '../../../dataset/convert/slots.ts';
import type { Terminal } from '../../terminal.ts';

export const textColumns = ['text', 'source', 'title', 'folder'];

export interface TextFlags extends SlotOptions {
  readonly output?: string;
  readonly force?: boolean;
}

export const textsHelp = `
A text is written as {"text", "source", "title", "folder"}. With --assistant it becomes a chat example at once, its
parts columns or templates: --user '{text}' --assistant '{folder}'.`;

export const addTextOptions = (command: Command): Command =>
  command
    .option('-o, --output <path>', 'write here (default: stdout)')
    .option('--system <template|sentence>', 'the system message of a chat example')
    .option('--user <template>', 'what the user says in it (default: {text})')
    .option('--assistant <template>', 'the answer in it; makes chat examples of the texts');

/** The line of a text; null where a chat example lacks its prompt or answer. */
export function lineOf({ system, user, assistant }: SlotOptions): (text: CollectedText) => string | null {
  if (assistant === undefined) return (text) => JSON.stringify(text);
  const { read } = columnsShape(chooseSlots(textColumns, { system, user: user ?? 'text', assistant }));
  return (text) => {
    const example = toExample(read(new Map(Object.entries(text))), 'chat');
    return typeof example === 'string' ? null : JSON.stringify(example);
  };
}

const skippedShown = 20;

/** Says what became of the texts, while they come and at the end. */
export class Tally {
  readonly #terminal: Terminal;
  collected = 0;
  skipped = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** The text, or null for what was left out. */
  take(found: Found): CollectedText | null {
    if ('found' in found) {
      this.collected++;
      return found.found;
    }
    this.skip(found.skipped);
    return null;
  }

  skip({ source, reason }: Skipped): void {
    this.skipped++;
    if (this.skipped <= skippedShown) this.#terminal.note(`  left out ${source}: ${reason}`);
    else if (this.skipped === skippedShown + 1) this.#terminal.note('  left out more, which are only counted');
  }

  /** `12 pages in pages.jsonl, 3 left out`; where the texts are in a file, stdout is free to say so to machines. */
  say(noun: string, output: string | undefined): void {
    const { collected, skipped } = this;
    if (this.#terminal.json && output !== undefined) {
      this.#terminal.data(JSON.stringify({ output, collected, skipped }, null, 2));
      return;
    }
    const parts = [
      `${this.collected.toLocaleString('en')} ${noun}${this.collected === 1 ? '' : 's'}`,
      ...(output === undefined ? [] : [` in ${output}`]),
      ...(this.skipped === 0 ? [] : [`, ${this.skipped.toLocaleString('en')} left out`]),
    ];
    this.#terminal.note(parts.join(''));
  }
}
