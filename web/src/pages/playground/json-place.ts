/** Where a text stops being JSON; browsers do not agree on telling it. */

const space = /\s*/y;
const scalar = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/uy; // prettier-ignore

/** The first letter that cannot stand there; the length of the text where it only ends too early. */
export function whereBroken(text: string): number {
  let at = 0;
  const skip = (): void => {
    space.lastIndex = at;
    space.test(text);
    at = space.lastIndex;
  };
  const take = (letter: string): boolean => {
    skip();
    if (text[at] !== letter) return false;
    at += 1;
    return true;
  };
  const atom = (mustBeText: boolean): boolean => {
    skip();
    scalar.lastIndex = at;
    if ((mustBeText && text[at] !== '"') || !scalar.test(text)) return false;
    at = scalar.lastIndex;
    return true;
  };
  /** True where it stands whole; else `at` is the place. */
  const value = (): boolean => {
    if (take('{')) {
      if (take('}')) return true;
      do if (!atom(true) || !take(':') || !value()) return false;
      while (take(','));
      return take('}');
    }
    if (take('[')) {
      if (take(']')) return true;
      do if (!value()) return false;
      while (take(','));
      return take(']');
    }
    return atom(false);
  };
  if (value()) skip();
  return at;
}
