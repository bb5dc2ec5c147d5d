/** A learning curve: the figure by the number of examples, what is foretold beyond, and the law through it. */

import { useMediaQuery } from '@mantine/hooks';
import type { ReactElement } from 'react';
import type { LearningCurveResult } from '../../../../src/domain/sweep.ts';
import { count, decimal } from '../../parts/numbers.ts';
import { inWords } from './estimates.tsx';
import { Figure } from './figure.tsx';
import classes from './figure.module.css';

const shapes = { wide: [680, 380], narrow: [330, 300] } as const;
const [left, right, top, bottom] = [62, 24, 16, 56];
const lawPoints = 60;

export function CurvePicture({ curve }: { readonly curve: LearningCurveResult }): ReactElement {
  const { metric, law } = curve;
  const [width, height] = shapes[useMediaQuery('(max-width: 48em)') ? 'narrow' : 'wide'];
  const points =
    curve.points.length > 0
      ? curve.points
      : curve.trainings.flatMap(({ examples, figure }) =>
          figure === null ? [] : [{ examples, ...figure, foretold: false }],
        );
  const sizes = points.map(({ examples }) => Math.log(examples));
  const values = points.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [Math.min(...sizes), Math.max(...sizes)];
  const x = (examples: number): number =>
    left + (last === first ? 0.5 : (Math.log(examples) - first) / (last - first)) * (width - left - right);
  const y = (value: number): number =>
    height - bottom - (most === least ? 0.5 : (value - least) / (most - least)) * (height - top - bottom);
  const marks = most === least ? [least] : Array.from({ length: 5 }, (_, i) => least + (i / 4) * (most - least));
  const examplesSeen = [...new Set(points.map(({ examples }) => examples))];
  const told = (share: number): string => (metric.name === 'valid_loss' ? decimal(share, 3) : (100 * share).toFixed(1));
  const at = (i: number): number => Math.exp(first + (i / (lawPoints - 1)) * (last - first));
  const valueAt = (examples: number): number => {
    const error = law!.floor + law!.scale * examples ** -law!.slope;
    return metric.lower_is_better ? error : 1 - error;
  };
  const rows = [
    ['examples', metric.name, 'low', 'high', 'how'],
    ...points.map(({ examples, value, low, high, foretold }) => [
      examples,
      value,
      low,
      high,
      foretold ? 'foretold' : 'measured',
    ]),
  ];
  return (
    <Figure
      label={`${metric.name.replaceAll('_', ' ')} by training examples`}
      width={width}
      height={height}
      rows={rows}
    >
      {marks.map((mark) => (
        <g key={mark}>
          <line className={classes['grid']} x1={left} x2={width - right} y1={y(mark)} y2={y(mark)} />
          <text x={left - 8} y={y(mark) + 4} textAnchor="end">
            {told(mark)}
          </text>
        </g>
      ))}
      {examplesSeen.map((examples) => (
        <text key={examples} x={x(examples)} y={height - bottom + 20} textAnchor="middle">
          {count(examples)}
        </text>
      ))}
      <text x={(left + width - right) / 2} y={height - 10} textAnchor="middle">
        training examples (log scale)
      </text>
      <text
        x={14}
        y={(height - bottom + top) / 2}
        textAnchor="middle"
        transform={`rotate(-90 14 ${(height - bottom + top) / 2})`}
      >
        {metric.name.replaceAll('_', ' ')}, {metric.name === 'valid_loss' ? 'nats per token' : '%'}
      </text>
      {law !== null && (
        <g className={classes['quiet']}>
          <polyline
            className={`${classes['line']} ${classes['dashed']}`}
            points={Array.from(
              { length: lawPoints },
              (_, i) => `${x(at(i))},${Math.min(height - bottom, Math.max(top, y(valueAt(at(i)))))}`,
            ).join(' ')}
          />
        </g>
      )}
      {points.map(({ examples, value, low, high, foretold }, i) => (
        <g key={i} className={classes[foretold ? 'second' : 'first']}>
          <title>{`${count(examples)} examples, ${foretold ? 'foretold' : 'measured'}: ${inWords(value, metric.name)}`}</title>
          {low !== null && high !== null && (
            <line
              className={`${classes['reach']} ${foretold ? classes['dashed'] : ''}`}
              x1={x(examples)}
              x2={x(examples)}
              y1={y(low)}
              y2={y(high)}
            />
          )}
          <circle className={classes[foretold ? 'hollow' : 'point']} cx={x(examples)} cy={y(value)} r={5.5} />
        </g>
      ))}
    </Figure>
  );
}
