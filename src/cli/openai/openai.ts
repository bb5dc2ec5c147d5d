/** `tunesmith openai …`: everything that leaving OpenAI takes, in the order in which it is done. */

import type { Command } from 'commander';
import type { Act } from '../context.ts';
import { captureCommand } from './capture.ts';
import { importPromptfooCommand } from './import-promptfoo.ts';
import { parityCommand } from './parity.ts';
import { recordCommand } from './record.ts';
import { restoreCommand } from './restore.ts';

export function openaiCommand(program: Command, act: Act): void {
  const openai = program
    .command('openai')
    .description('leave OpenAI with proof: take what is there, make it again here, compare');
  for (const add of [captureCommand, recordCommand, restoreCommand, parityCommand, importPromptfooCommand])
    add(openai, act);
}
