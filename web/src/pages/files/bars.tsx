/**
 * Counts as bars: of lengths side by side, of names below each other. Drawn by the page itself, so that they are crisp
 * at any size; the figures stand beside them, and can be saved with the picture.
 */

import { ActionIcon, Group, Text, Tooltip } from '@mantine/core';
import { IconPhoto, IconTable } from '@tabler/icons-react';
import type { CSSProperties, ReactElement } from 'react';
import { count, percent } from '../../parts/numbers.ts';
import { saveFile } from '../../parts/save-file.ts';
import { saveBars } from './bars-picture.ts';
import classes from './bars.module.css';

export interface Bar {
  readonly name: string;
  readonly count: number;
}

interface BarsProps {
  readonly title: string;
  /** What is counted: "examples". */
  readonly unit: string;
  /** What the names are: "Tokens of an example". */
  readonly axis: string;
  readonly bars: readonly Bar[];
  /** The sum that shares are of; without it, of the bars. */
  readonly of?: number;
}

/** Names below each other, each with its bar, count and share. */
export function NamedBars({ title, unit, axis, bars, of }: BarsProps): ReactElement {
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  const all = of ?? bars.reduce((sum, bar) => sum + bar.count, 0);
  return (
    <figure className={classes['figure']}>
      <Head title={title} unit={unit} axis={axis} bars={bars} />
      <table className={classes['named']}>
        <thead className="spoken-only">
          <tr>
            <th>{axis}</th>
            <th>Share</th>
            <th>{unit}</th>
          </tr>
        </thead>
        <tbody>
          {bars.map((bar) => (
            <tr key={bar.name}>
              <th scope="row" className={classes['name']} title={bar.name}>
                {bar.name}
              </th>
              <td className={classes['track']}>
                <svg width="100%" height="14" aria-hidden preserveAspectRatio="none">
                  <rect className={classes['bar']} width={`${(100 * bar.count) / most}%`} height="14" rx="2" />
                </svg>
                <span className="spoken-only">{percent(all === 0 ? 0 : bar.count / all)}</span>
              </td>
              <td className={classes['number']}>
                {count(bar.count)}{' '}
                <span className={classes['share']}>{percent(all === 0 ? 0 : bar.count / all, 0)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

/** Ranges side by side, the smallest at the left. */
export function Histogram({ title, unit, axis, bars }: BarsProps): ReactElement {
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  const width = 100 / Math.max(1, bars.length);
  const first = bars[0]?.name ?? '';
  const last = bars.at(-1)?.name ?? '';
  return (
    <figure className={classes['figure']}>
      <Head title={title} unit={unit} axis={axis} bars={bars} />
      <div className={classes['plot']} style={{ '--bars': bars.length } as CSSProperties}>
        <span className={classes['most']} aria-hidden>
          {count(most)}
        </span>
        <svg className={classes['columns']} viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden>
          {bars.map((bar, i) => (
            <rect
              key={bar.name}
              className={classes['bar']}
              x={i * width + width * 0.06}
              width={width * 0.88}
              y={100 - (100 * bar.count) / most}
              height={(100 * bar.count) / most}
            >
              <title>{`${bar.name}: ${count(bar.count)} ${unit}`}</title>
            </rect>
          ))}
        </svg>
        <div className={classes['ends']} aria-hidden>
          <span>{first}</span>
          <span>{axis}</span>
          <span>{last}</span>
        </div>
      </div>
      <figcaption className="spoken-only">
        {`${title}. ${bars.map((bar) => `${bar.name}: ${count(bar.count)} ${unit}`).join('; ')}.`}
      </figcaption>
    </figure>
  );
}

function Head({ title, unit, axis, bars }: BarsProps): ReactElement {
  const name = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const table = [[axis, unit], ...bars.map((bar) => [bar.name, String(bar.count)])]
    .map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','))
    .join('\n');
  return (
    <Group justify="space-between" gap="xs" wrap="nowrap" mb={6}>
      <Text size="sm" fw={600} component="h3" m={0}>
        {title}
      </Text>
      <Group gap={2} wrap="nowrap">
        <Tooltip label="Save as a picture">
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={`Save as a picture: ${title}`}
            onClick={() => void saveBars(`${name}.png`, { title, axis, unit, bars })}
          >
            <IconPhoto size={15} aria-hidden />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Save as a table">
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={`Save as a table: ${title}`}
            onClick={() => saveFile(`${name}.csv`, `${table}\n`, 'text/csv')}
          >
            <IconTable size={15} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </Group>
    </Group>
  );
}
