/** Why llama.cpp refused something: its errors say only that it did, and the reasons arrive in its log. */

import { setTimeout as sleep } from 'node:timers/promises';
import { LlamaLogLevel } from 'node-llama-cpp';

/** llama.cpp's last warnings. */
export class Complaints {
  #lines: string[] = [];

  add(level: LlamaLogLevel, message: string): void {
    if (level !== LlamaLogLevel.error && level !== LlamaLogLevel.warn) return;
    this.#lines = [...this.#lines.slice(-3), message.trim()];
  }

  /** The promise's value, or its error with the reasons that were logged meanwhile. */
  async explain<Value>(promise: Promise<Value>): Promise<Value> {
    this.#lines = [];
    try {
      return await promise;
    } catch (error) {
      await sleep(20); // log lines arrive late
      const found = error instanceof Error ? error.message : String(error);
      throw new Error([found, ...this.#lines].join(': '), { cause: error });
    }
  }
}
