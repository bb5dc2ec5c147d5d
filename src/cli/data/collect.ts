/** `tunesmith data collect …`: raw texts, and what has been answered, from where they are. */

import type { Command } from 'commander';
import type { Act } from '../context.ts';
import { datasetCommand } from './collect/dataset.ts';
import { folderCommand } from './collect/folder.ts';
import { storedCommand } from './collect/stored.ts';
import { webCommand } from './collect/web.ts';

export function collectCommand(data: Command, act: Act): void {
  const collect = data
    .command('collect')
    .description('raw material from the web, from folders, from data sets, from stored completions');
  for (const add of [webCommand, folderCommand, datasetCommand, storedCommand]) add(collect, act);
}
