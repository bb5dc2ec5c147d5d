/** The next token from logits, under whatever the request wishes; and what the model itself thought of it. */

import type { Internals, NativeContext, NativeSampler } from './llama-natives.ts';
import type { Sampling, TokenConstraint, TokenLogprobs, TokenPairs } from './protocol.ts';

/** Log-probability of a token whose probability is too small for a float. OpenAI's spelling of "very unlikely". */
const veryUnlikely = -9999;

/** Candidates read to find a token's log-probability; whoever is not among them costs a walk over the vocabulary. */
const candidateCount = 256;

/** Logits of one position; good until the context evaluates again. */
export class Output {
  readonly #native: NativeContext;
  readonly #index: number;

  constructor(native: NativeContext, index: number) {
    this.#native = native;
    this.#index = index;
  }

  /** Draws the next token. */
  async sample(sampler: NativeSampler): Promise<number> {
    const token = await this.#native.sampleToken(this.#index, sampler);
    if (token < 0) throw new Error('The model gave no usable probabilities for the next token.');
    return token;
  }

  /** Tokens with their probabilities after the sampler's stages, most likely first. */
  async probabilities(sampler: NativeSampler): Promise<[token: number, probability: number][]> {
    const [, flat = []] = await this.#native.sampleToken(this.#index, sampler, true, false);
    return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!]);
  }

  /** Probability of the token that the sampler picks. */
  async confidence(sampler: NativeSampler): Promise<number> {
    const [, , confidence] = await this.#native.sampleToken(this.#index, sampler, false, true);
    return confidence ?? 0;
  }
}

/** Draws the tokens of one choice; remembers them for the penalties and keeps its own random numbers. */
export class Sampler implements Disposable {
  readonly #native: NativeSampler;
  readonly #sampling: Sampling;
  readonly #constraint: TokenConstraint | null;
  readonly #grammar: object | null;
  readonly #drawn: number[] = [];
  #forbidden: readonly TokenPairs[] = [];

  constructor(internals: Internals, sampling: Sampling, constraint: TokenConstraint | null) {
    const { _bindings: addonExports } = internals._llama;
    this.#native = new addonExports.AddonSampler(internals._model);
    this.#sampling = sampling;
    this.#constraint = constraint;
    this.#grammar =
      constraint === null
        ? null
        : new addonExports.AddonGrammarEvaluationState(
            internals._model,
            new addonExports.AddonGrammar(constraint.grammar, { addonExports, rootRuleName: 'root' }),
          );
    this.#configure();
  }

  async next(output: Output): Promise<number> {
    const last = this.#drawn.at(-1);
    const forbidden =
      last === undefined ? [] : (this.#constraint?.forbiddenAfter.filter(({ first }) => first.includes(last)) ?? []);
    if (forbidden.length > 0 || this.#forbidden.length > 0) {
      this.#forbidden = forbidden;
      this.#configure();
    }
    const token = await output.sample(this.#native);
    this.#drawn.push(token);
    return token;
  }

  [Symbol.dispose](): void {
    this.#native.dispose();
  }

  /** What is left out is switched off, whatever it was before. */
  #configure(): void {
    const { temperature, topP, seed, frequencyPenalty, presencePenalty } = this.#sampling;
    const bias = this.#bias();
    this.#native.applyConfig({
      temperature,
      seed,
      // The defaults of the package are not OpenAI's: without these two keys no candidate is left out.
      ...(topP < 1 ? { topP } : {}),
      ...(frequencyPenalty === 0 && presencePenalty === 0
        ? {}
        : {
            repeatPenaltyTokens: Uint32Array.from(this.#drawn),
            repeatPenaltyMaxTokens: 2 ** 16,
            repeatPenaltyFrequencyPenalty: frequencyPenalty,
            repeatPenaltyPresencePenalty: presencePenalty,
          }),
      ...(bias.size === 0
        ? {}
        : { tokenBiasKeys: Uint32Array.from(bias.keys()), tokenBiasValues: Float32Array.from(bias.values()) }),
      ...(this.#grammar === null ? {} : { grammarEvaluationState: this.#grammar }),
    });
  }

  #bias(): Map<number, number> {
    const forbidden = [...(this.#constraint?.forbidden ?? []), ...this.#forbidden.flatMap(({ second }) => second)];
    return new Map([...this.#sampling.logitBias, ...forbidden.map((token) => [token, -Infinity] as const)]);
  }
}

/**
 * Reads the model's own log-probabilities: those of the raw logits, whatever the sampler does to them.
 *
 * The package hands out the whole vocabulary or nothing, and the whole takes 10 ms for 49 152 tokens. But the
 * probability of the likeliest token is to be had alone, and the ratios within the best 256 are too:
 * ln p(t) = ln p(best) + ln(ratio of t to best). That is exact and takes a third of the time.
 */
export class LogprobReader implements Disposable {
  readonly #best: NativeSampler;
  readonly #candidates: NativeSampler;

  constructor(internals: Internals) {
    const { AddonSampler } = internals._llama._bindings;
    this.#best = new AddonSampler(internals._model);
    this.#best.applyConfig({ temperature: 0, seed: 0 });
    this.#candidates = new AddonSampler(internals._model);
    this.#candidates.applyConfig({ temperature: 1, topK: candidateCount, seed: 0 });
  }

  async read(output: Output, token: number, topCount: number): Promise<TokenLogprobs> {
    const best = Math.log(await output.confidence(this.#best));
    const candidates = await output.probabilities(this.#candidates);
    const bestOfCandidates = Math.log(candidates[0]?.[1] ?? 0);
    const logprob = (probability: number) =>
      probability > 0 ? Math.min(0, best + Math.log(probability) - bestOfCandidates) : veryUnlikely;
    const found = candidates.find(([candidate]) => candidate === token);
    return {
      logprob: found === undefined ? await this.#rare(output, token) : logprob(found[1]),
      top: candidates.slice(0, topCount).map(([candidate, probability]) => [candidate, logprob(probability)]),
    };
  }

  async #rare(output: Output, token: number): Promise<number> {
    const all = await output.probabilities(this.#best);
    const probability = all.find(([candidate]) => candidate === token)?.[1] ?? 0;
    return probability > 0 ? Math.log(probability) : veryUnlikely;
  }

  [Symbol.dispose](): void {
    this.#best.dispose();
    this.#candidates.dispose();
  }
}
