/** What ends at OpenAI, and when: first what nobody can bring back afterwards. */

import { Box, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { CapturedModelView, WindDown } from '../../../../src/domain/openai-capture.ts';
import { counted } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { daysUntil, untilWords } from './captures.ts';
import classes from './leaving.module.css';

interface Ending {
  readonly date: string;
  readonly what: string;
}

export function Endings({
  windDown,
  models,
}: {
  readonly windDown: WindDown;
  readonly models: readonly CapturedModelView[];
}): ReactElement {
  const endings = [
    { date: windDown.evals_read_only, what: 'Evals can only be read.' },
    { date: windDown.evals_off, what: 'Evals, their runs and results are gone.' },
    { date: windDown.no_new_jobs, what: 'Nobody can begin a fine-tuning job.' },
    ...shutdowns(models),
  ].sort((a, b) => (a.date < b.date ? -1 : 1));
  return (
    <Panel title="What ends when" about={`From ${windDown.source}.`}>
      <Box component="ol" className={classes['endings']}>
        {endings.map(({ date, what }) => (
          <li key={`${date} ${what}`} className={classes['ending']} data-past={daysUntil(date) <= 0}>
            <span className="figures">
              <time dateTime={date}>{date}</time>
              <Text span size="xs" c="dimmed" display="block">
                {untilWords(date)}
              </Text>
            </span>
            <span className="outside">{what}</span>
          </li>
        ))}
      </Box>
    </Panel>
  );
}

const namedMax = 3;

/** One ending a date, however many models it takes. */
function shutdowns(models: readonly CapturedModelView[]): Ending[] {
  const byDate = new Map<string, string[]>();
  for (const { model, shutdown_date: date } of models)
    if (date !== null) byDate.set(date, [...(byDate.get(date) ?? []), model]);
  return [...byDate].map(([date, names]) => {
    const rest = names.length - namedMax;
    const listed = `${names.slice(0, namedMax).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
    return {
      date,
      what: `${counted(names.length, 'fine-tuned model')} of yours ${names.length === 1 ? 'is' : 'are'} turned off: ${listed}.`,
    };
  });
}
