/**
 * What must be closed, last opened first: `AsyncDisposableStack`, which Node 20 lacks, as far as we need it.
 *
 * While something is being opened in steps, a failing step closes those before it; at the end `move` hands all
 * of them over to whoever closes them one day.
 */

export class Closing implements AsyncDisposable {
  #steps: (() => unknown)[] = [];

  use<Value extends AsyncDisposable>(value: Value): Value {
    this.defer(() => value[Symbol.asyncDispose]());
    return value;
  }

  /** `close` is called when this is disposed of. */
  defer(close: () => unknown): void {
    this.#steps.push(close);
  }

  /** A new one with everything in it; this one has nothing left to close. */
  move(): Closing {
    const moved = new Closing();
    moved.#steps = this.#steps.splice(0);
    return moved;
  }

  /** Closes everything even if some closing fails, and then says what failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#steps.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'closing failed');
  }
}
