/** The name that was meant where another was written: other case, white space around it, a letter or two amiss. */

const lengthMax = 40;

/** One of `names`, or undefined where none is near or two are equally near. */
export function meantName<Name extends string>(written: string, names: readonly Name[]): Name | undefined {
  const plain = written.trim().toLowerCase();
  if (plain.length > lengthMax) return undefined;
  const near = names
    .filter((name) => Math.abs(name.length - plain.length) <= 2)
    .map((name) => ({ name, distance: editDistance(plain, name) }))
    .filter(({ name, distance }) => distance <= (name.length < 6 ? 1 : 2))
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.distance === near[1]?.distance ? undefined : near[0]?.name;
}

/** How many letters must come, go, change or trade places with a neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? rows[i - 2]![j - 2]! + 1 : Infinity;
      row.push(Math.min(change, swap, rows[i - 1]![j]! + 1, row[j - 1]! + 1));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
