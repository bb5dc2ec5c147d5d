/** Where a JSON object or list ends, in text that comes in pieces. Brackets inside of strings do not count. */

export class JsonScan {
  #depth: number;
  #inString = false;
  #escaped = false;

  /** `depth` brackets are open already. */
  constructor(depth = 0) {
    this.#depth = depth;
  }

  /** The index behind the bracket that closes the outermost one, or null while none does. */
  end(piece: string): number | null {
    for (let at = 0; at < piece.length; at++) {
      const character = piece[at]!;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (character === '\\') this.#escaped = true;
        else if (character === '"') this.#inString = false;
      } else if (character === '"') this.#inString = true;
      else if (character === '{' || character === '[') this.#depth += 1;
      else if ((character === '}' || character === ']') && --this.#depth <= 0) return at + 1;
    }
    return null;
  }
}
