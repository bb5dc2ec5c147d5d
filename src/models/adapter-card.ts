/** The README.md of an adapter: what it is, what it was trained from, how to use it. */

import type { LoraShape } from './adapter.ts';
import type { BaseModel } from './manifest.ts';

/** What the job knows about the model; details are listed as they are given. */
export interface AdapterCard {
  /** The name that clients use, `ft:…`. */
  readonly model: string;
  readonly job: string;
  readonly step: number;
  readonly details: Readonly<Record<string, string | number>>;
}

export function adapterCard(base: BaseModel, lora: LoraShape, card: AdapterCard): string {
  const facts: readonly [string, string | number][] = [
    ['Model', card.model],
    ['Job', card.job],
    ['Step', card.step],
    ['Base', `${base.name} (${base.id}), SHA-256 ${base.sha256}`],
    ['Licence of the base', base.licence],
    ['LoRA', `rank ${lora.rank}, alpha ${lora.alpha}, on ${lora.targets.join(', ')}`],
    ...Object.entries(card.details),
  ];
  return `---
library_name: peft
base_model: ${JSON.stringify(base.original ?? base.id)}
license: ${JSON.stringify(base.licence)}
pipeline_tag: text-generation
tags: [lora, tunesmith]
---

# ${card.model}

A LoRA adapter for ${base.name}, trained with Tunesmith.

${facts.map(([name, value]) => `- ${name}: ${String(value).replaceAll('\n', ' ')}`).join('\n')}

## Use

- Tunesmith: ask for the model \`${card.model}\`.
- llama.cpp: \`llama-cli -m <${base.id}.gguf> --lora adapter.gguf\`
- PEFT: \`PeftModel.from_pretrained(base, "<this folder>")\`

The adapter was trained on the weights of the base file named above; on another quantisation of the same model its
answers can differ slightly.
`;
}
