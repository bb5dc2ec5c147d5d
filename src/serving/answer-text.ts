/**
 * The text of one choice as its bytes arrive: never half a character, never a part of a stop string.
 *
 * A stop string may be spread over tokens, so the end of the text is held back as long as it could become one.
 *
 *   stop "END"     bytes  "the E" "N" "joy"        out  "the " "" "ENjoy"
 *                         "the E" "ND" "…"              "the " "", stopped
 */

export class AnswerText {
  /** True once a stop string was complete; nothing comes after it. */
  stopped = false;
  /** Characters that came in so far, given out or not. */
  received = 0;
  readonly #stops: readonly string[];
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Characters given out so far. */
  get given(): number {
    return this.received - this.#held.length;
  }

  /** Takes a token's bytes and gives out the text that is certain by now. */
  push(bytes: Uint8Array): string {
    return this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Gives out the rest: the answer is over, so nothing can become a stop string any more. */
  end(): string {
    const text = this.#take(this.#decoder.decode()) + this.#held;
    this.#held = '';
    return text;
  }

  #take(text: string): string {
    if (this.stopped) return '';
    this.received += text.length;
    const all = this.#held + text;
    const stops = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
    this.stopped = stops.length > 0;
    const end = this.stopped ? Math.min(...stops) : all.length - this.#beginningOfStop(all);
    this.#held = this.stopped ? '' : all.slice(end);
    if (this.stopped) this.received -= all.length - end;
    return all.slice(0, end);
  }

  /** Length of the longest end of the text that is the beginning of a stop string. */
  #beginningOfStop(text: string): number {
    const lengths = this.#stops.map((stop) => {
      for (let length = Math.min(stop.length - 1, text.length); length > 0; length--)
        if (text.endsWith(stop.slice(0, length))) return length;
      return 0;
    });
    return Math.max(0, ...lengths);
  }
}
