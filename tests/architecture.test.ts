/** ARCHITECTURE.md draws which part may read which; the imports must agree with the drawing, both ways. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const source = join(root, 'src');

/** A part is a folder, or a file at the root; the engine's are finer: `engine/graph`, `engine/optimizer`. */
function partOf(file: string): string {
  const [first, second] = relative(source, file).split(sep);
  const part = first === 'engine' ? `${first}/${second}` : first!;
  return part.replace(/\.ts$/, '');
}

function arrowsOfTheImports(): Map<string, Set<string>> {
  const arrows = new Map<string, Set<string>>();
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const file = join(entry.parentPath, entry.name);
    const from = partOf(file);
    const reads = arrows.get(from) ?? new Set();
    arrows.set(from, reads);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      const to = partOf(resolve(dirname(file), path!));
      if (to !== from) reads.add(to);
    }
  }
  return arrows;
}

function arrowsOfTheDrawing(): Map<string, Set<string>> {
  const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const drawing = /```arrows\n([\s\S]*?)```/.exec(page)?.[1];
  if (drawing === undefined) throw new Error('ARCHITECTURE.md has no ```arrows block.');
  const arrows = new Map<string, Set<string>>();
  for (const line of drawing.trim().split('\n')) {
    const [from, to] = line.split('→');
    const reads =
      to
        ?.trim()
        .split(/\s+/)
        .filter((name) => name !== '—' && name !== '') ?? [];
    arrows.set(from!.trim(), new Set(reads));
  }
  return arrows;
}

const sorted = (arrows: Map<string, Set<string>>) =>
  [...arrows].map(([from, to]) => `${from} → ${[...to].sort().join(' ')}`.trim()).sort();

test('the arrows in ARCHITECTURE.md are the imports of src', () => {
  expect(sorted(arrowsOfTheImports())).toEqual(sorted(arrowsOfTheDrawing()));
});

test('no part reads one that reads it back', () => {
  const arrows = arrowsOfTheDrawing();
  const reachable = (from: string, seen = new Set<string>()): Set<string> => {
    for (const to of arrows.get(from) ?? []) {
      if (seen.has(to)) continue;
      seen.add(to);
      reachable(to, seen);
    }
    return seen;
  };
  const loops = [...arrows.keys()].filter((part) => reachable(part).has(part));
  expect(loops).toEqual([]);
});

test('the dashboard reads nothing of src but the shapes of its nouns', () => {
  const web = resolve(root, 'web/src');
  const strangers = readdirSync(web, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/(import|export)( type)?\s[^;']*'(\.[^']+)'/g)]
        .filter(([, , , path]) => !resolve(dirname(file), path!).startsWith(web))
        .filter(
          ([, , type, path]) => type === undefined || !resolve(dirname(file), path!).startsWith(join(source, 'domain')),
        )
        .map(([statement]) => `${relative(root, file)}: ${statement}`),
    );
  expect(strangers).toEqual([]);
});
