/** The families that the engine trains. */

import { targetsOf, type Family } from './family.ts';
import { bert } from './bert.ts';
import { gemma3 } from './gemma3.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { qwen2, qwen3 } from './qwen.ts';

export const families: readonly Family[] = [llama, qwen2, qwen3, gemma3, gpt2, bert];

/** By `general.architecture` of a GGUF. */
export const familyOf = (architecture: string): Family | undefined =>
  families.find((family) => family.architecture === architecture);

/** Every linear layer that any of them has, by PEFT's names. */
export const linearTargets: readonly string[] = [...new Set(families.flatMap(targetsOf))];

/** Whether a model reads whole texts and writes none. */
export const isEncoder = ({ architecture }: { readonly architecture: { readonly architecture: string } }): boolean =>
  familyOf(architecture.architecture)?.design.causal === false;
