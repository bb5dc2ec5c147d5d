/** The README.md of a fine-tuned model: what it is, what it was trained from, how to use it. */

import type { LoraShape } from './adapter.ts';
import type { BaseModel } from './manifest.ts';

/** What the job knows about the model; details are listed as they are given. */
export interface ModelCard {
  /** The name that clients use, `ft:…`. */
  readonly model: string;
  readonly job: string;
  readonly step: number;
  readonly details: Readonly<Record<string, string | number>>;
}

type Facts = readonly (readonly [string, string | number])[];

const factsOf = (base: BaseModel, how: Facts[number], card: ModelCard): string => {
  const facts: Facts = [
    ['Model', card.model],
    ['Job', card.job],
    ['Step', card.step],
    ['Base', `${base.name} (${base.id}), SHA-256 ${base.sha256}`],
    ['Licence of the base', base.licence],
    how,
    ...Object.entries(card.details),
  ];
  return facts.map(([name, value]) => `- ${name}: ${String(value).replaceAll('\n', ' ')}`).join('\n');
};

const head = (library: string, tags: string, base: BaseModel): string => `---
library_name: ${library}
base_model: ${JSON.stringify(base.original ?? base.id)}
license: ${JSON.stringify(base.licence)}
pipeline_tag: text-generation
tags: [${tags}]
---`;

export function wholeModelCard(base: BaseModel, trained: string, card: ModelCard): string {
  return `${head('gguf', 'tunesmith', base)}

# ${card.model}

${base.name} with weights of its own, trained with Tunesmith.

${factsOf(base, ['Trained', trained], card)}

## Use

- Tunesmith: ask for the model \`${card.model}\`.
- llama.cpp: \`llama-cli -m model.gguf\`
`;
}

export function adapterCard(base: BaseModel, lora: LoraShape, card: ModelCard): string {
  const { rank, alpha, targets } = lora;
  const scaled = lora.rslora === true ? ' over the square root of the rank' : '';
  const how = ['LoRA', `rank ${rank}, alpha ${alpha}${scaled}, on ${targets.join(', ')}`] as const;
  return `${head('peft', 'lora, tunesmith', base)}

# ${card.model}

A LoRA adapter for ${base.name}, trained with Tunesmith.

${factsOf(base, how, card)}

## Use

- Tunesmith: ask for the model \`${card.model}\`.
- llama.cpp: \`llama-cli -m <${base.id}.gguf> --lora adapter.gguf\`
- PEFT: \`PeftModel.from_pretrained(base, "<this folder>")\`

The adapter was trained on the weights of the base file named above; on another quantisation of the same model its
answers can differ slightly.
`;
}

export type AdapterCard = ModelCard;
