/**
 * JSON values side by side: whether two are the same, and which fields a value has.
 *
 * Neither recurses: the values come from models, and a thousand open brackets are an answer like any other.
 */

/** The value of a text that is JSON and nothing else, boxed because it may be null; null for any other text. */
export function readJson(text: string | null): { readonly value: unknown } | null {
  if (text === null) return null;
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}

/** Order counts in lists and not in objects; 1 is 1.0; what is absent is not null. */
export function sameJson(first: unknown, second: unknown): boolean {
  const open: [unknown, unknown][] = [[first, second]];
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const [a, b] = pair;
    if (a === b) continue;
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    const names = Object.keys(a);
    if (names.length !== Object.keys(b).length) return false;
    for (const name of names) {
      if (!Object.hasOwn(b, name)) return false;
      open.push([(a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]]);
    }
  }
  return true;
}

/** The path of a value that is no object with fields, in which a list is one field: it is right as a whole. */
export function fieldsOf(value: unknown): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  const open: [path: string, value: unknown][] = [['', value]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [path, each] = next;
    const inner = typeof each === 'object' && each !== null && !Array.isArray(each) ? Object.entries(each) : [];
    if (inner.length === 0) fields.set(path, each);
    for (const [name, field] of inner.toReversed()) open.push([joined(path, name), field]);
  }
  return fields;
}

function joined(path: string, name: string): string {
  const step = /^[^.\s"]+$/u.test(name) ? name : JSON.stringify(name);
  return path === '' ? step : `${path}.${step}`;
}
