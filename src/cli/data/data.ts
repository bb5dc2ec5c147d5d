/** `tunesmith data …`: everything about training data before anybody trains on it; needs no server. */

import type { Command } from 'commander';
import type { Act } from '../context.ts';
import { checkCommand } from './check.ts';
import { collectCommand } from './collect.ts';
import { cleanCommand } from './clean.ts';
import { convertCommand } from './convert.ts';
import { findingsCommand } from './findings.ts';
import { showCommand } from './show.ts';
import { splitCommand } from './split.ts';
import { statsCommand } from './stats.ts';
import { priceCommand } from './price.ts';

/** Each command in a file of its own, in the order in which somebody with raw material would use them. */
const commands: readonly ((data: Command, act: Act) => void)[] = [
  collectCommand,
  convertCommand,
  checkCommand,
  showCommand,
  statsCommand,
  findingsCommand,
  cleanCommand,
  splitCommand,
  priceCommand,
];

export function dataCommand(program: Command, act: Act): void {
  const data = program.command('data').description('collect, check, understand, clean, split and price training data');
  for (const add of commands) add(data, act);
}
