/** `tunesmith data collect folder`: the texts of a folder; its folders may be the labels. */

import type { Command } from 'commander';
import { collectFolder } from '../../../collect/folder.ts';
import { invalid } from '../../../domain/errors.ts';
import type { Act, Context } from '../../context.ts';
import { checkOutput, forceOption, writeLines } from '../output.ts';
import { addTextOptions, lineOf, Tally, textsHelp, type TextFlags } from './texts.ts';

const examples = `${textsHelp}

Examples:
  $ tunesmith data collect folder handbook -o handbook.jsonl
  $ tunesmith data collect folder mails --user '{text}' --assistant '{folder}' -o mails.jsonl`;

export function folderCommand(collect: Command, act: Act): void {
  addTextOptions(collect.command('folder <path>'))
    .description('the text of text, Markdown, HTML and PDF files')
    .option(...forceOption)
    .addHelpText('after', examples)
    .action(act(async (context, flags: TextFlags, root = '') => collectTexts(context, flags, root)));
}

async function collectTexts(context: Context, flags: TextFlags, root: string): Promise<void> {
  await checkOutput(flags);
  const tally = new Tally(context.terminal);
  const toLine = lineOf(flags);
  const lines = async function* (): AsyncGenerator<string, void> {
    for await (const found of collectFolder(root, context.signal)) {
      const text = tally.take(found);
      if (text === null) continue;
      const line = toLine(text);
      if (line === null) tally.skip({ source: text.source, reason: 'the answer is empty' });
      else yield line;
    }
    if (tally.collected === 0)
      throw invalid(null, `${root} has no text, Markdown, HTML or PDF file with text in it.`, 'nothing_found');
  };
  await writeLines(context, flags.output, lines());
  tally.say('file', flags.output);
}
