/**
 * Parallel coordinates: an axis for each hyper-parameter that was varied and one for the figure on each rung, a line
 * for each trial through its values. A line ends at the rung where its trial was stopped.
 *
 * Colours tell rungs apart for colour-blind eyes as well, and so do dashes and widths.
 */

import { html, type Html } from '../evals/report/html.ts';
import type { SweepState, Trial } from './trials.ts';
import { valuesInWords } from './trainings.ts';
import { isLogarithmic, type Value } from './space.ts';

const [height, top, bottom, gap, margin] = [360, 46, 40, 150, 120];

interface Axis {
  readonly title: string;
  readonly unit: string;
  /** The trial's place from 0, at the bottom, to 1; null where it has none. */
  readonly place: (trial: Trial) => number | null;
  readonly marks: readonly { readonly at: number; readonly text: string }[];
}

const units: Readonly<Record<string, string>> = {
  learning_rate: 'per step, log scale',
  learning_rate_multiplier: 'factor, log scale',
  n_epochs: 'passes over the data',
  batch_size: 'examples per step, log scale',
  lora_rank: 'dimensions, log scale',
  lora_alpha: 'factor, log scale',
  lora_dropout: 'share',
  weight_decay: 'share per step',
  warmup_ratio: 'share of steps',
  max_length: 'tokens, log scale',
  max_grad_norm: 'norm',
  train: 'what is trained',
  model: 'base model',
};

export function parallelCoordinates(state: SweepState): Html {
  const axes = axesOf(state);
  const width = 2 * margin + gap * (axes.length - 1);
  const x = (i: number): number => margin + gap * i;
  const y = (place: number): number => Number((height - bottom - place * (height - top - bottom)).toFixed(1));
  const last = state.rungs.length;
  // The best are drawn last, over the others.
  const order = [...state.trials].sort((a, b) => Number(a.id === state.winner) - Number(b.id === state.winner) || a.results.length - b.results.length); // prettier-ignore
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Trials by hyper-parameters and figures">
    <title>Trials by hyper-parameters and figures</title>
    ${axes.map((_, i) => html`<line class="axis" x1="${x(i)}" x2="${x(i)}" y1="${y(0)}" y2="${y(1)}" />`)}
    ${order.map((trial) => {
      const points = axes.flatMap(({ place }, i): string[] => {
        const at = place(trial);
        return at === null ? [] : [`${x(i)},${y(at)}`];
      });
      const kind = trial.id === state.winner ? 'winner' : trial.results.length === last ? 'final' : 'stopped';
      const end = points.at(-1)?.split(',') ?? ['0', '0'];
      return html`<g class="${kind}">
        <title>${trial.id}: ${valuesInWords(trial.values)}</title>
        <polyline points="${points.join(' ')}" /><circle cx="${end[0]!}" cy="${end[1]!}" r="4" />
      </g>`;
    })}
    ${axes.map(
      ({ title, unit, marks }, i) =>
        html`<text class="name" x="${x(i)}" y="16" text-anchor="middle">${title}</text>
          <text x="${x(i)}" y="31" text-anchor="middle">${unit}</text>
          ${marks.map(
            ({ at, text }) =>
              html`<line class="axis" x1="${x(i) - 4}" x2="${x(i)}" y1="${y(at)}" y2="${y(at)}" /><text
                  x="${x(i) - 7}"
                  y="${y(at) + 4}"
                  text-anchor="end"
                >
                  ${text}
                </text>`,
          )}`,
    )}
  </svg>`;
}

function axesOf(state: SweepState): Axis[] {
  const varied = variedNames(state.trials);
  return [...varied.map((name) => valueAxis(name, state.trials)), ...metricAxes(state)];
}

/** Hyper-parameters in which trials differ, in the order of the first trial that has them. */
export function variedNames(trials: readonly Trial[]): string[] {
  const names = [...new Set(trials.flatMap(({ values }) => Object.keys(values)))];
  return names.filter((name) => new Set(trials.map(({ values }) => values[name])).size > 1);
}

function valueAxis(name: string, trials: readonly Trial[]): Axis {
  const found = [...new Set(trials.flatMap(({ values }) => values[name] ?? []))];
  const numbers = found.filter((value): value is number => typeof value === 'number').sort((a, b) => a - b);
  const scaled = (value: number): number => (isLogarithmic(name) ? Math.log(value) : value);
  const [low, high] = [scaled(numbers[0] ?? 0), scaled(numbers.at(-1) ?? 1)];
  const evenly = numbers.length < found.length || low === high || !Number.isFinite(low);
  const names = evenly ? found : numbers;
  const at = (value: Value): number => {
    if (!evenly) return (scaled(value as number) - low) / (high - low);
    return names.length === 1 ? 0.5 : names.indexOf(value) / (names.length - 1);
  };
  const shown = names.length <= 8 ? names : [names[0]!, names[Math.floor(names.length / 2)]!, names.at(-1)!];
  // Where a trial has no such thing (a full training has no rank), its line goes below all values.
  const lacking = trials.some(({ values }) => values[name] === undefined);
  const raised = (value: Value): number => (lacking ? 0.15 + 0.85 * at(value) : at(value));
  return {
    title: name,
    unit: units[name] ?? '',
    place: ({ values }) => (values[name] === undefined ? 0 : raised(values[name])),
    marks: [
      ...shown.map((value) => ({ at: raised(value), text: short(String(value)) })),
      ...(lacking ? [{ at: 0, text: 'none' }] : []),
    ],
  };
}

const short = (text: string): string => (text.length > 21 ? `${text.slice(0, 12)}…${text.slice(-8)}` : text);

/** One scale for all rungs, the better end on top. */
function metricAxes({ trials, rungs, metric, parts }: SweepState): Axis[] {
  const values = trials.flatMap(({ results }) => results.flatMap(({ measured }) => measured?.value ?? []));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const at = (value: number): number => {
    const part = high === low ? 0.5 : (value - low) / (high - low);
    return metric.lowerIsBetter ? 1 - part : part;
  };
  const isLoss = metric.name === 'valid_loss';
  const told = (value: number): string => (isLoss ? value.toFixed(3) : (100 * value).toFixed(1));
  const marks = [...new Set([low, (low + high) / 2, high])].map((value) => ({ at: at(value), text: told(value) }));
  return rungs.map((_, i) => ({
    title: metric.name,
    unit: `${isLoss ? 'nats per token' : '%'}, ${parts[i]!.examples} examples`,
    place: ({ results }) => {
      const measured = results[i]?.measured;
      return measured == null ? null : at(measured.value);
    },
    marks,
  }));
}

export const pictureStyle = `
.picture svg { max-width: none; min-width: 40rem; width: 100% } .picture text { paint-order: stroke; stroke: var(--paper); stroke-width: 3px } .picture text.name { font-weight: 600; fill: var(--ink) } .axis { stroke: var(--soft) }
.picture polyline { fill: none; stroke-linejoin: round } .stopped polyline { stroke: #999; stroke-width: 1.2; stroke-dasharray: 4 4 } .stopped circle { fill: #999 }
.final polyline { stroke: #0072b2; stroke-width: 2 } .final circle { fill: #0072b2 } .winner polyline { stroke: #e69f00; stroke-width: 4 } .winner circle { fill: #e69f00 }
.key.stopped { background: #999 } .key.final { background: #0072b2 } .key.winner { background: #e69f00 }`;
