/** The README.md of an export, and its loss curves as a picture and a table. */

import type { StepMetrics } from '../domain/job.ts';
import type { BaseModel } from '../models/manifest.ts';
import type { Comparison } from './probes.ts';
import type { Story, TaskMetrics } from './story.ts';

export interface CardFacts {
  readonly model: string;
  readonly base: BaseModel;
  readonly story: Story | null;
  readonly library: 'gguf' | 'transformers' | 'peft';
  /** What the folder holds, `file: what it is`. */
  readonly contents: Readonly<Record<string, string>>;
  readonly tested: Readonly<Record<string, Comparison>>;
  readonly use: readonly string[];
}

export function modelCard({ model, base, story, library, contents, tested, use }: CardFacts): string {
  const list = (facts: readonly (readonly [string, unknown])[]): string =>
    facts.map(([name, value]) => `- ${name}: ${String(value).replaceAll('\n', ' ')}`).join('\n');
  const last = story?.steps.at(-1);
  const sections = [
    `# ${model}`,
    story === null
      ? `${base.name}, exported by Tunesmith.`
      : `${base.name}, fine-tuned with Tunesmith${library === 'peft' ? ' (LoRA adapter)' : ''}.`,
    list([
      ['Base', `${base.name} (${base.id}${base.original === null ? '' : `, from ${base.original}`})`],
      ['SHA-256 of the base file', base.sha256],
      ['Licence of the base', base.licence],
      ...(story === null
        ? []
        : ([
            ['Job', `${story.job.id}${story.step === null ? '' : `, step ${story.step}`}`],
            ['Trained tokens', story.job.trained_tokens ?? 'unknown'],
            ...story.files.map(
              ({ role, id, sha256, filename }) =>
                [
                  `${role === 'training' ? 'Training' : 'Validation'} data`,
                  sha256 === null ? `${id}, deleted since` : `${filename} (${id}), SHA-256 ${sha256}`,
                ] as const,
            ),
          ] as const)),
    ]),
    '## Contents',
    list(Object.entries(contents)),
    ...(story === null ? [] : ['## Hyper-parameters', list(Object.entries(story.settings))]),
    ...(last === undefined
      ? []
      : [
          '## Metrics',
          metricsTable(last),
          '## Curves',
          '![Loss over the steps](curves.svg)',
          curveTable(story!.steps),
        ]),
    ...(story?.taskMetrics ? ['## Task metrics', taskTable(story.taskMetrics)] : []),
    '## Test before export',
    Object.entries(tested)
      .map(([what, result]) => `- ${what}: ${tell(result)}`)
      .join('\n'),
    '## Use',
    use.join('\n\n'),
  ];
  const front = [
    '---',
    `library_name: ${library}`,
    `base_model: ${JSON.stringify(base.original ?? base.id)}`,
    `license: ${JSON.stringify(base.licence)}`,
    'pipeline_tag: text-generation',
    `tags: [${story === null ? 'tunesmith' : 'lora, tunesmith'}]`,
    '---',
  ];
  return `${front.join('\n')}\n\n${sections.join('\n\n')}\n`;
}

/** One line about a comparison. */
export function tell({ probes, sameAnswers, tokens, sameTokens, widestGap, drift }: Comparison): string {
  const gap =
    sameTokens === tokens
      ? ''
      : `; where a token differs, the model itself was undecided by ${widestGap.toFixed(3)} nats at most`;
  return `${sameAnswers} of ${probes} greedy answers and ${sameTokens} of ${tokens} tokens are the model's own${gap}; mean difference of log-probabilities ${drift.toExponential(1)}`;
}

const shown: readonly (readonly [keyof StepMetrics, string])[] = [
  ['train_loss', 'training loss'],
  ['train_mean_token_accuracy', 'training token accuracy'],
  ['valid_loss', 'validation loss (mini-batch)'],
  ['full_valid_loss', 'validation loss'],
  ['full_valid_mean_token_accuracy', 'validation token accuracy'],
];

function metricsTable(metrics: StepMetrics): string {
  const rows = shown
    .filter(([key]) => metrics[key] !== undefined)
    .map(([key, name]) => `| ${name} | ${metrics[key]!.toPrecision(5)} |`);
  return [`| at step ${metrics.step} | |`, '| --- | --- |', ...rows].join('\n');
}

function taskTable({ task, count, figures }: TaskMetrics): string {
  const cell = (value: number | null): string => (value === null ? '' : value.toFixed(4)); // JSON has no NaN
  const rows = Object.entries(figures).map(
    ([name, { value, low, high }]) => `| ${name} | ${cell(value)} | ${cell(low)} to ${cell(high)} |`,
  );
  const told = `On ${count} examples of the validation data (${task.replaceAll('_', ' ')}), each with its 95 % interval:`;
  const few = Object.values(figures).some(({ small }) => small === true)
    ? ['', 'These are few examples: take the intervals as hints.']
    : [];
  return [told, '', '| figure | value | interval |', '| --- | --- | --- |', ...rows, ...few].join('\n');
}

const rowsMax = 20;

function curveTable(steps: readonly StepMetrics[]): string {
  const every = Math.ceil(steps.length / rowsMax);
  const kept = steps.filter(
    (step, i) => i % every === 0 || i === steps.length - 1 || step.full_valid_loss !== undefined,
  );
  const cell = (value: number | undefined): string => (value === undefined ? '' : value.toPrecision(4));
  const rows = kept.map(
    ({ step, train_loss, valid_loss, full_valid_loss }) =>
      `| ${step} | ${cell(train_loss)} | ${cell(full_valid_loss ?? valid_loss)} |`,
  );
  return ['| step | training loss | validation loss |', '| --- | --- | --- |', ...rows].join('\n');
}

const [width, height, margin] = [640, 320, 40];

/** Training loss as a line, validation loss as points on one. */
export function curvesPicture(steps: readonly StepMetrics[]): string {
  const series = [
    { name: 'training loss', colour: '#2563eb', points: steps.map((step) => [step.step, step.train_loss] as const) },
    {
      name: 'validation loss',
      colour: '#dc2626',
      points: steps.flatMap((step) => {
        const loss = step.full_valid_loss ?? step.valid_loss;
        return loss === undefined ? [] : [[step.step, loss] as const];
      }),
    },
  ].filter(({ points }) => points.length > 0);
  const all = series.flatMap(({ points }) => points);
  const lastStep = Math.max(1, ...all.map(([step]) => step));
  const top = Math.max(1e-9, ...all.map(([, loss]) => loss));
  const x = (step: number): string => (margin + (step / lastStep) * (width - 2 * margin)).toFixed(1);
  const y = (loss: number): string => (height - margin - (loss / top) * (height - 2 * margin)).toFixed(1);
  const lines = series.map(({ name, colour, points }, i) => {
    const path = points.map(([step, loss]) => `${x(step)},${y(loss)}`).join(' ');
    const label = `<text x="${width - margin}" y="${margin / 2 + 14 * i}" text-anchor="end" fill="${colour}">${name}</text>`;
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>${label}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<rect width="${width}" height="${height}" fill="#fff"/>
<path d="M${margin} ${margin}V${height - margin}H${width - margin}" fill="none" stroke="#888"/>
<text x="${margin - 4}" y="${y(top)}" text-anchor="end">${top.toPrecision(3)}</text>
<text x="${margin - 4}" y="${y(0)}" text-anchor="end">0</text>
<text x="${width - margin}" y="${height - margin + 16}" text-anchor="end">step ${lastStep}</text>
${lines.join('\n')}
</svg>
`;
}
