/**
 * Runs the whole suite and ends with its counts on a line of their own, which is what CI reads.
 * Arguments are passed on to vitest: `npm test -- tests/formats`.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startVitest } from 'vitest/node';

const folder = mkdtempSync(join(tmpdir(), 'tunesmith-tests-'));
process.env['TUNESMITH_TEST_FOLDER'] = folder;
const vitest = await startVitest('test', process.argv.slice(2), { watch: false, reporters: ['default'] });
let passed = 0;
let failed = 0;
let skipped = 0;
for (const module of vitest.state.getTestModules()) {
  if (module.errors().length > 0) failed += 1;
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    if (state === 'passed') passed += 1;
    else if (state === 'failed') failed += 1;
    else skipped += 1;
  }
}
failed += vitest.state.getUnhandledErrors().length;
await vitest.close();
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
