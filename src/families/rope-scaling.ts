/**
 * How Llama 3.1 and later stretch long wavelengths: one divisor for each pair of numbers that a head turns.
 *
 * With w the wavelength of a pair in tokens: short ones stay as they are, long ones are slowed down by the whole factor,
 * and those in between by something in between. A GGUF holds only the divisors, in a tensor; a config.json the numbers.
 */

import type { GgufMetadata } from '../formats/gguf-metadata.ts';

export interface StretchedRotation {
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  /** Tokens of the texts that the model was first trained on. */
  readonly originalTokens: number;
}

export function divisorsOf(stretch: StretchedRotation, base: number, headSize: number): Float32Array {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalTokens } = stretch;
  return Float32Array.from({ length: headSize / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * base ** ((2 * i) / headSize);
    if (wavelength < originalTokens / high) return 1;
    if (wavelength > originalTokens / low) return factor;
    const share = (originalTokens / wavelength - low) / (high - low);
    return 1 / ((1 - share) / factor + share);
  });
}

/** llama.cpp keeps only the divisors; with these keys of ours an export can name the numbers again. */
export const stretchKeys = {
  factor: 'tunesmith.rope.factor',
  lowFrequencyFactor: 'tunesmith.rope.low_freq_factor',
  highFrequencyFactor: 'tunesmith.rope.high_freq_factor',
  originalTokens: 'tunesmith.rope.original_context_length',
} as const;

/** The numbers behind a file's divisors: as it names them, or those of Meta's own models; null where neither fits. */
export function stretchBehind(
  divisors: Float32Array,
  metadata: GgufMetadata,
  base: number,
  headSize: number,
): StretchedRotation | null {
  const usual = { factor: Math.max(...divisors), lowFrequencyFactor: 1, highFrequencyFactor: 4, originalTokens: 8192 };
  const named = (key: keyof typeof stretchKeys): number => metadata.number(stretchKeys[key], usual[key]);
  const stretch = {
    factor: named('factor'),
    lowFrequencyFactor: named('lowFrequencyFactor'),
    highFrequencyFactor: named('highFrequencyFactor'),
    originalTokens: named('originalTokens'),
  };
  const fits = divisorsOf(stretch, base, headSize).every((value, i) => Math.abs(value / divisors[i]! - 1) < 1e-3);
  return fits ? stretch : null;
}
