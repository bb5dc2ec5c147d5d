/** What a run's figures look like: which label was taken for which, how far probabilities are to be trusted, how scores lie. */

import { Button, Text, UnstyledButton } from '@mantine/core';
import type { ReactElement } from 'react';
import type { ConfusionMatrix, CriterionReport, Reliability } from '../../../../src/domain/evaluation.ts';
import { count, counted, decimal, percent } from '../../parts/numbers.ts';
import { Figure } from './figure.tsx';
import { saveRows } from './take-away.ts';
import classes from './figure.module.css';

interface MatrixProps {
  readonly matrix: ConfusionMatrix;
  /** Told which mistake somebody wants to see; without it cells are only looked at. */
  readonly onCell?: (actual: number, answered: number) => void;
}

/** Rows are what was right, columns what was answered; the darker, the more of its row. */
export function Matrix({ matrix: { labels, rows }, onCell }: MatrixProps): ReactElement {
  const none = rows.some((row) => row[labels.length]! > 0);
  const columns = none ? [...labels, 'no label'] : labels;
  return (
    <>
      <div className={classes['scroll']} tabIndex={0} role="group" aria-label="Confusion matrix">
        <table className={classes['matrix']}>
          <caption className="spoken-only">Rows are the right labels, columns the answered ones.</caption>
          <thead>
            <tr>
              <th scope="col">
                <Text size="xs" c="dimmed" component="span">
                  right ↓ answered →
                </Text>
              </th>
              {columns.map((label) => (
                <th key={label} scope="col">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {labels.map((label, actual) => {
              const sum = rows[actual]!.reduce((all, each) => all + each, 0);
              return (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  {columns.map((answered, i) => {
                    const cases = rows[actual]![i]!;
                    const isWrong = i !== actual && cases > 0;
                    const heat = { '--heat': sum === 0 ? 0 : Math.round((40 * cases) / sum) } as React.CSSProperties;
                    return (
                      <td
                        key={answered}
                        className={`${classes['cell']} ${isWrong ? classes['wrong'] : ''}`}
                        style={heat}
                      >
                        {isWrong && onCell !== undefined ? (
                          <UnstyledButton
                            className={classes['press']}
                            aria-label={`${counted(cases, 'item')}: ${label} answered as ${answered}. Show them`}
                            onClick={() => onCell(actual, i)}
                          >
                            {count(cases)}
                          </UnstyledButton>
                        ) : (
                          count(cases)
                        )}
                      </td>
                    );
                  })}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <Button
        size="compact-xs"
        variant="subtle"
        color="gray"
        mt={4}
        onClick={() =>
          saveRows('confusion matrix', [
            ['right \\ answered', ...columns],
            ...labels.map((label, i) => [label, ...rows[i]!.slice(0, columns.length)]),
          ])
        }
      >
        Download as CSV
      </Button>
    </>
  );
}

const [width, height] = [460, 320];
const [left, right, top, bottom] = [54, 20, 12, 48];
const x = (share: number): number => left + share * (width - left - right);
const y = (share: number): number => height - bottom - share * (height - bottom - top);
const quarters = [0, 0.25, 0.5, 0.75, 1];

/** How often answers were right, by how probable the model held them; an honest model keeps to the dashed line. */
export function ReliabilityDiagram({ reliability }: { readonly reliability: Reliability }): ReactElement {
  const { bins, expected_error, brier, skipped } = reliability;
  const total = bins.reduce((sum, bin) => sum + bin.count, 0);
  const filled = bins.flatMap((bin) => (bin.confidence === null ? [] : [{ ...bin, confidence: bin.confidence }]));
  const numbers = [
    ['mean confidence', 'right', 'low', 'high', 'answers'],
    ...filled.map(({ confidence, accuracy: { value, low, high }, count }) => [confidence, value, low, high, count]),
  ];
  return (
    <>
      <Text size="sm" mb="xs">
        Off by {percent(expected_error.value)} on average (calibration error; 0 is best), Brier score{' '}
        {decimal(brier.value, 3)}.{skipped > 0 && ` ${counted(skipped, 'answer')} came without probabilities.`}
      </Text>
      <Figure label="Reliability of the model's probabilities" width={width} height={height} rows={numbers}>
        {quarters.map((share) => (
          <g key={share}>
            <line className={classes['grid']} x1={x(0)} x2={x(1)} y1={y(share)} y2={y(share)} />
            <text x={x(0) - 6} y={y(share) + 4} textAnchor="end">
              {100 * share} %
            </text>
            <text x={x(share)} y={y(0) + 18} textAnchor="middle">
              {100 * share} %
            </text>
          </g>
        ))}
        <text x={x(0.5)} y={height - 8} textAnchor="middle">
          how probable the model held its answer
        </text>
        <text x={12} y={y(0.5)} textAnchor="middle" transform={`rotate(-90 12 ${y(0.5)})`}>
          how often it was right
        </text>
        {filled.map(({ from, to, count: cases }) => (
          <rect
            key={from}
            className={classes['share']}
            x={x(from) + 1}
            y={y(cases / total)}
            width={x(to) - x(from) - 2}
            height={y(0) - y(cases / total)}
          >
            <title>{`${count(cases)} of ${count(total)} answers`}</title>
          </rect>
        ))}
        <line className={classes['ideal']} x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} />
        <g className={classes['first']}>
          {filled.map(({ from, confidence, accuracy: { low, high } }) => (
            <line
              key={from}
              className={classes['reach']}
              x1={x(confidence)}
              x2={x(confidence)}
              y1={y(low)}
              y2={y(high)}
            />
          ))}
          <polyline
            className={classes['line']}
            points={filled.map(({ confidence, accuracy }) => `${x(confidence)},${y(accuracy.value)}`).join(' ')}
          />
          {filled.map(({ from, confidence, accuracy, count: cases }) => (
            <circle key={from} className={classes['point']} cx={x(confidence)} cy={y(accuracy.value)} r={4.5}>
              <title>{`${counted(cases, 'answer')}, held ${percent(confidence)} probable, right ${percent(accuracy.value)}`}</title>
            </circle>
          ))}
        </g>
      </Figure>
      <Text size="xs" c="dimmed">
        Dashed: an honest model, right as often as it says. Grey: the share of the answers in each tenth. Lines through
        points: 95 % intervals.
      </Text>
    </>
  );
}

/** How many items got which score. */
export function Scores({ criterion: { name, scores } }: { readonly criterion: CriterionReport }): ReactElement | null {
  if (scores.length === 0) return null;
  const most = Math.max(...scores.map((bin) => bin.count));
  const numbers = [['from', 'to', 'items'], ...scores.map(({ from, to, count: items }) => [from, to, items])];
  const at = (i: number): number => x(i / scores.length);
  return (
    <Figure label={`Scores of ${name}`} width={width} height={220} rows={numbers}>
      <g transform={`translate(0 ${220 - height})`}>
        {scores.map(({ from, to, count: items }, i) => {
          const high = (items / most) * 140;
          return (
            <g key={from} className={classes['first']}>
              <title>{`${decimal(from, 3)} to ${decimal(to, 3)}: ${counted(items, 'item')}`}</title>
              <rect
                className={classes['bar']}
                x={at(i) + 2}
                y={y(0) - high}
                width={at(i + 1) - at(i) - 4}
                height={high}
                rx={2}
              />
              {items > 0 && (
                <text x={(at(i) + at(i + 1)) / 2} y={y(0) - high - 5} textAnchor="middle">
                  {count(items)}
                </text>
              )}
            </g>
          );
        })}
        <line className={classes['grid']} x1={x(0)} x2={x(1)} y1={y(0)} y2={y(0)} />
        {[0, scores.length / 2, scores.length].map((i) => (
          <text key={i} x={at(i)} y={y(0) + 18} textAnchor="middle">
            {decimal(i === scores.length ? scores.at(-1)!.to : scores[i]!.from, 3)}
          </text>
        ))}
        <text x={x(0.5)} y={height - 8} textAnchor="middle">
          score (items)
        </text>
      </g>
    </Figure>
  );
}
