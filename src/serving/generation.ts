/**
 * One request while a runtime works on it: its tokens so far, its choices one after another, its reports.
 *
 * The prompt is evaluated once. The first token of every choice is drawn from the same logits right then, so a
 * later choice only forgets what the choice before it has added. A choice's outcome depends on its own seed and on
 * nothing else. Knows no sequences and no batches; `lane.ts` evaluates, `scheduler.ts` decides when.
 */

import { answerLogprobs, type Branch, branchesOf } from './label-tree.ts';
import type { LogprobReader, Output, Sampler } from './llama-sampling.ts';
import type { Llama } from './llama.ts';
import type { GenerateCommand, RuntimeReport, TokenLogprobs, TokensReport } from './protocol.ts';

interface Drawn {
  readonly token: number;
  readonly logprobs: TokenLogprobs | null;
}

export class Generation implements Disposable {
  readonly command: GenerateCommand;
  /** Prompt and answer so far; the last one may still need evaluation. */
  readonly tokens: number[];
  /** Prompt tokens found already evaluated when this request first got a sequence. */
  cachedTokens: number | null = null;
  finished = false;
  readonly #llama: Llama;
  readonly #report: (report: RuntimeReport) => void;
  readonly #samplers: Sampler[];
  readonly #logprobs: LogprobReader | null;
  /** What the prompt's tokens were found to be worth so far, beginning with the second. */
  readonly #scores: TokenLogprobs[] = [];
  #firsts: Drawn[] = [];
  #choice = 0;
  #unreported: Drawn[] = [];
  /** Where the answers that it is held to part, and what was found out there so far. */
  readonly #branches: readonly Branch[];
  readonly #found: number[][] = [];

  constructor(llama: Llama, command: GenerateCommand, report: (report: RuntimeReport) => void) {
    this.command = command;
    this.tokens = [...command.prompt];
    this.#llama = llama;
    this.#report = report;
    const { answers } = command;
    this.#branches = answers === undefined ? [] : branchesOf(answers);
    const reads = command.topLogprobs !== null || command.scorePrompt || answers !== undefined;
    this.#logprobs = !reads ? null : llama.openLogprobReader();
    const { sampling } = command;
    this.#samplers = Array.from({ length: command.choices }, (_, choice) =>
      llama.openSampler({ ...sampling, seed: (sampling.seed + choice) % 2 ** 32 }, command.constraint),
    );
  }

  /** Whether anybody waits for it right now. */
  get isUrgent(): boolean {
    return this.command.priority === 'interactive';
  }

  get choice(): number {
    return this.#choice;
  }

  /** Whether the logits of every position of the prompt are still wanted. */
  get isScoring(): boolean {
    return this.command.scorePrompt && this.#scores.length < this.command.prompt.length - 1;
  }

  /** Takes the logits of a row of positions: each tells how likely the next token of the prompt was. */
  async score(outputs: readonly Output[], position: number): Promise<void> {
    const { prompt, id, topLogprobs } = this.command;
    for (const [i, output] of outputs.entries()) {
      const next = position + i + 1;
      if (next !== this.#scores.length + 1 || next >= prompt.length) continue;
      this.#scores.push(await this.#logprobs!.read(output, prompt[next]!, topLogprobs ?? 0));
    }
    if (!this.isScoring) this.#report({ type: 'prompt', id, logprobs: [null, ...this.#scores] });
  }

  /** Takes the logits after the last token and goes one token further, or to the next choice. */
  async advance(output: Output): Promise<void> {
    if (this.command.answers !== undefined) return await this.#ponder(output, this.command.answers);
    if (this.command.tokensMax === 0) {
      while (!this.finished) this.#end('length');
      return;
    }
    if (this.#firsts.length === 0) {
      for (const sampler of this.#samplers) this.#firsts.push(await this.#draw(output, sampler));
      this.#accept(this.#firsts[0]!);
      return;
    }
    this.#accept(await this.#draw(output, this.#samplers[this.#choice]!));
  }

  /** The server has seen enough of a choice. */
  endChoice(choice: number): void {
    if (choice === this.#choice && !this.finished) this.#nextChoice();
  }

  /** Nobody waits for the answer any more. */
  cancel(): void {
    this.finished = true;
  }

  fail(message: string): void {
    this.finished = true;
    this.#report({ type: 'failed', id: this.command.id, message });
  }

  [Symbol.dispose](): void {
    for (const sampler of this.#samplers) sampler[Symbol.dispose]();
    this.#logprobs?.[Symbol.dispose]();
  }

  /** Takes what the model thinks at one place where the answers part, and goes on to the next. */
  async #ponder(output: Output, answers: readonly (readonly number[])[]): Promise<void> {
    const { tokens } = this.#branches[this.#found.length]!;
    const found: number[] = [];
    for (const token of tokens) found.push((await this.#logprobs!.read(output, token, 0)).logprob);
    this.#found.push(found);
    const next = this.#branches[this.#found.length];
    if (next === undefined) {
      this.finished = true;
      const logits = answerLogprobs(answers, this.#branches, this.#found);
      this.#report({ type: 'logits', id: this.command.id, logits });
      return;
    }
    // As for another choice, what came after the prompt is forgotten.
    this.#choice += 1;
    this.tokens.length = this.command.prompt.length;
    this.tokens.push(...next.path);
  }

  async #draw(output: Output, sampler: Sampler): Promise<Drawn> {
    const token = await sampler.next(output);
    const { topLogprobs } = this.command;
    return { token, logprobs: topLogprobs === null ? null : await this.#logprobs!.read(output, token, topLogprobs) };
  }

  #accept(drawn: Drawn): void {
    if (this.#isEnd(drawn.token)) return this.#end('stop');
    this.#unreported.push(drawn);
    this.tokens.push(drawn.token);
    const generated = this.tokens.length - this.command.prompt.length;
    if (generated >= this.command.tokensMax || this.tokens.length >= this.#llama.contextTokensMax)
      return this.#end('length');
    if (this.#unreported.length >= this.command.tokensPerReport) this.#flush(null);
  }

  #isEnd(token: number): boolean {
    return this.command.constraint === null ? this.command.endTokens.includes(token) : this.#llama.isEnd(token);
  }

  #end(reason: 'stop' | 'length'): void {
    this.#flush(reason);
    this.#nextChoice();
  }

  #nextChoice(): void {
    this.#unreported = [];
    this.#choice += 1;
    this.tokens.length = this.command.prompt.length;
    if (this.#choice === this.command.choices) this.finished = true;
    else if (this.#firsts.length > 0) this.#accept(this.#firsts[this.#choice]!);
  }

  #flush(end: TokensReport['end']): void {
    const drawn = this.#unreported;
    this.#unreported = [];
    this.#report({
      type: 'tokens',
      id: this.command.id,
      choice: this.#choice,
      tokens: drawn.map(({ token }) => token),
      logprobs: this.command.topLogprobs === null ? null : drawn.map(({ logprobs }) => logprobs!),
      end,
      cachedTokens: this.cachedTokens ?? 0,
    });
  }
}
