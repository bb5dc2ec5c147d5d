/** The hyper-parameters of a job in words for people: what each does, and what happens with more or less of it. */

export interface HyperParameter {
  readonly name: string;
  readonly label: string;
  readonly explain: string;
  readonly group: 'usual' | 'weights' | 'adapter' | 'habit' | 'fine';
  readonly kind: 'whole' | 'number' | 'choice' | 'switch';
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  readonly choices?: readonly string[];
  /** Only for this method, for encoders, or where adapters are trained. */
  readonly only?: 'dpo' | 'encoder' | 'lora' | 'supervised';
}

export const groups: Readonly<Record<HyperParameter['group'], string>> = {
  usual: 'What most people change',
  weights: 'What learns',
  adapter: 'The shape of the adapter',
  habit: 'Against learning by heart',
  fine: 'Fine print',
};

export const hyperParameters: readonly HyperParameter[] = [
  {
    name: 'n_epochs',
    label: 'Epochs',
    explain:
      'How often the training file is gone through. More learns it better; too many learn it by heart, and the validation loss rises again.',
    group: 'usual',
    kind: 'whole',
    min: 1,
    max: 50,
  },
  {
    name: 'batch_size',
    label: 'Batch size',
    explain:
      'How many examples are looked at before the model changes a little. Small batches learn in more, noisier steps.',
    group: 'usual',
    kind: 'whole',
    min: 1,
    max: 256,
  },
  {
    name: 'learning_rate_multiplier',
    label: 'Learning rate multiplier',
    explain:
      'How large each step is, as a multiple of what suits this way of training. Halve it when the loss jumps, double it when it hardly falls.',
    group: 'usual',
    kind: 'number',
    min: 0,
    step: 0.1,
  },
  {
    name: 'beta',
    label: 'Beta',
    explain: 'How close the model stays to what it was while it learns your preferences. The larger, the closer.',
    group: 'usual',
    kind: 'number',
    min: 0,
    max: 2,
    step: 0.05,
    only: 'dpo',
  },
  {
    name: 'lora_rank',
    label: 'Rank',
    explain: 'How much room the adapter has to learn something new. Style needs little (8 to 16), new skills more.',
    group: 'adapter',
    kind: 'whole',
    min: 1,
    max: 512,
    only: 'lora',
  },
  {
    name: 'lora_alpha',
    label: 'Alpha',
    explain: 'How loudly the adapter speaks beside the base model; usually twice the rank.',
    group: 'adapter',
    kind: 'number',
    min: 0,
    only: 'lora',
  },
  {
    name: 'lora_dropout',
    label: 'Adapter dropout',
    explain:
      'The share of the adapter’s inputs that is left out at random while training, so that it relies on no single one.',
    group: 'habit',
    kind: 'number',
    min: 0,
    max: 0.9,
    step: 0.05,
    only: 'lora',
  },
  {
    name: 'rslora',
    label: 'Rank-stabilised',
    explain: 'Scales the adapter by alpha over the square root of its rank, which helps with ranks above 32.',
    group: 'adapter',
    kind: 'switch',
    only: 'lora',
  },
  {
    name: 'early_stopping',
    label: 'Stop early',
    explain:
      'Stops when the validation set stops improving, and keeps the best checkpoint. Needs a validation file or a share set apart.',
    group: 'habit',
    kind: 'switch',
  },
  {
    name: 'validation_split',
    label: 'Set apart to validate',
    explain:
      'The share of the training examples that is not trained on but asked about, when there is no validation file.',
    group: 'habit',
    kind: 'number',
    min: 0,
    max: 0.5,
    step: 0.05,
  },
  {
    name: 'weight_decay',
    label: 'Weight decay',
    explain: 'Pulls weights gently towards zero, so that none grows without need.',
    group: 'habit',
    kind: 'number',
    min: 0,
    max: 1,
    step: 0.01,
  },
  {
    name: 'hidden_dropout',
    label: 'Hidden dropout',
    explain: 'The share of what each block adds that is left out at random while training.',
    group: 'habit',
    kind: 'number',
    min: 0,
    max: 0.9,
    step: 0.05,
  },
  {
    name: 'label_smoothing',
    label: 'Label smoothing',
    explain: 'Gives a little of the certainty to all other tokens, so that the model does not become too sure.',
    group: 'habit',
    kind: 'number',
    min: 0,
    max: 0.5,
    step: 0.05,
    only: 'supervised',
  },
  {
    name: 'max_length',
    label: 'Longest example',
    explain: 'In tokens. Longer examples are cut at the end; shorter limits save memory and time.',
    group: 'fine',
    kind: 'whole',
    min: 16,
  },
  {
    name: 'warmup_ratio',
    label: 'Warm-up',
    explain:
      'The share of all steps in which the learning rate rises from zero, so that the first steps break nothing.',
    group: 'fine',
    kind: 'number',
    min: 0,
    max: 1,
    step: 0.01,
  },
  {
    name: 'lr_schedule',
    label: 'Schedule',
    explain: 'How the learning rate goes down after the warm-up.',
    group: 'fine',
    kind: 'choice',
    choices: ['cosine', 'linear', 'constant'],
  },
  {
    name: 'learning_rate',
    label: 'Learning rate',
    explain: 'The largest step size itself. Wins over the multiplier.',
    group: 'fine',
    kind: 'number',
    min: 0,
    max: 1,
    step: 0.0001,
  },
  {
    name: 'max_grad_norm',
    label: 'Gradient limit',
    explain: 'A step that would be larger than this is made smaller; 0 sets no limit.',
    group: 'fine',
    kind: 'number',
    min: 0,
    step: 0.1,
  },
  {
    name: 'eval_interval',
    label: 'Steps between looks',
    explain: 'How many steps lie between two looks at a few validation examples.',
    group: 'fine',
    kind: 'whole',
    min: 1,
  },
  {
    name: 'base_precision',
    label: 'Precision of the base',
    explain:
      'How the frozen weights compute: exactly (f32), in eight bits (int8), which some processors do twice as fast, or in four (int4), which saves memory.',
    group: 'fine',
    kind: 'choice',
    choices: ['f32', 'int8', 'int4'],
  },
  {
    name: 'device',
    label: 'Device',
    explain: 'What computes: the processor, or a graphics card.',
    group: 'fine',
    kind: 'choice',
    choices: ['cpu', 'webgpu', 'cuda'],
  },
  {
    name: 'task',
    label: 'Task',
    explain: 'What the answers of the training file are.',
    group: 'weights',
    kind: 'choice',
    choices: ['classification', 'multi_label', 'token_classification'],
    only: 'encoder',
  },
  {
    name: 'pooling',
    label: 'Pooling',
    explain: 'What a text’s labels are read from: its first token, or the mean of all.',
    group: 'weights',
    kind: 'choice',
    choices: ['first', 'mean'],
    only: 'encoder',
  },
];

/** Those that are no field of a form but are shown when they were resolved. */
const others: Readonly<Record<string, readonly [label: string, explain: string]>> = {
  train: ['What learns', 'lora: an adapter beside the model; full: every weight; last_layers(n): the last n blocks; head: only the output.'], // prettier-ignore
  lora_targets: ['Where the adapter sits', 'The linear layers that have an adapter, in the names that PEFT uses.'],
};

export function labelOf(name: string): string {
  return hyperParameters.find((each) => each.name === name)?.label ?? others[name]?.[0] ?? name;
}

export function explanationOf(name: string): string | null {
  return hyperParameters.find((each) => each.name === name)?.explain ?? others[name]?.[1] ?? null;
}

/** The ways to train, in words. `last_layers` has a number of its own. */
export const trainModes = [
  {
    value: 'auto',
    label: 'Let the server choose',
    explain: 'An adapter for models that write; every weight for small models that tell labels apart.',
  },
  {
    value: 'lora',
    label: 'Adapter (LoRA)',
    explain: 'Small additions learn, the model itself stays as it is. Quick, small, and rarely wrong: start here.',
  },
  {
    value: 'last_layers',
    label: 'Last layers',
    explain: 'The last blocks of the model learn. More change than an adapter, for less than everything.',
  },
  {
    value: 'full',
    label: 'Every weight',
    explain: 'The whole model learns. The most it can become, with the most memory and time, and the most to forget.',
  },
  { value: 'head', label: 'Output only', explain: 'Only the very last layer learns. Quick, and seldom enough.' },
] as const;

export type TrainMode = (typeof trainModes)[number]['value'];

/** As a person reads it. */
export function shownValue(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.join(', ');
  if (value !== null && typeof value === 'object')
    return Object.entries(value)
      .map(([name, each]) => `${name.replaceAll('_', ' ')} ${String(each)}`)
      .join(', ');
  return String(value);
}
