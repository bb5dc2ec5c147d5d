/** Which Tunesmith this is. */

import { readFileSync } from 'node:fs';

const packageFile = readFileSync(new URL('../package.json', import.meta.url), 'utf8');

export const version = (JSON.parse(packageFile) as { version: string }).version;
