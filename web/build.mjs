/**
 * Builds the dashboard into `dist/web/`, with every file compressed beside it, so that the server only hands out bytes.
 *
 *   node web/build.mjs                     from nothing
 *   node web/build.mjs --where-possible    only where vite is installed; what `npm ci` runs
 *   node web/build.mjs --keep              leaves older files, so that pages that are open still find theirs
 */

import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const web = import.meta.dirname;
const target = join(web, '../dist/web');
const flags = new Set(process.argv.slice(2));
// Under a test runner it is `test`, and vite would take React's slow and large build for developers.
process.env.NODE_ENV = 'production';

const vite = await import('vite').catch((error) => {
  if (flags.has('--where-possible') && error.code === 'ERR_MODULE_NOT_FOUND') return null;
  throw error;
});
if (vite === null) console.log('vite is not installed, so the dashboard is not built.');
else await build(vite);

/** Beside its place first, then file by file into it, the page last: whoever looks meanwhile sees a whole dashboard. */
async function build({ build: bundle }) {
  const started = performance.now();
  const fresh = `${target}.${process.pid}`;
  try {
    await bundle({
      configFile: join(web, 'vite.config.ts'),
      logLevel: 'warn',
      build: { outDir: fresh, emptyOutDir: true },
    });
    const files = await filesIn(fresh);
    await Promise.all(files.filter((file) => !file.endsWith('.html')).map(compress));
    if (!flags.has('--keep')) await rm(target, { recursive: true, force: true });
    const last = (file) => Number(file.endsWith('.html'));
    for (const file of (await filesIn(fresh)).sort((a, b) => last(a) - last(b))) {
      const place = join(target, relative(fresh, file));
      await mkdir(dirname(place), { recursive: true });
      await rename(file, place);
    }
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  console.log(`The dashboard is built (${((performance.now() - started) / 1000).toFixed(1)} s).`);
}

async function filesIn(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function compress(file) {
  const bytes = await readFile(file);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  await Promise.all([
    promisify(brotliCompress)(bytes, { params }).then((small) => writeFile(`${file}.br`, small)),
    promisify(gzip)(bytes, { level: 9 }).then((small) => writeFile(`${file}.gz`, small)),
  ]);
}
