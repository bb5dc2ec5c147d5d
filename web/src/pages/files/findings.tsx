/** What is worth knowing of data that is correct and may still train badly: copies, leaks, contradictions and more. */

import { Group, Stack, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { DataFinding, FileCheck } from '../../../../src/domain/file-check.ts';
import { Empty } from '../../parts/empty.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Lines } from './lines.tsx';
import { Severity } from './problems.tsx';
import classes from './files.module.css';

interface FindingsProps {
  readonly check: FileCheck;
  /** Id of the file it was compared with. */
  readonly against: string | null;
}

export function Findings({ check, against }: FindingsProps): ReactElement {
  const { findings } = check;
  const leaks = findings.filter(({ counterparts }) => counterparts !== null);
  return (
    <Panel
      title="What was found"
      about={
        against === null
          ? 'Of this file alone.'
          : leaks.length === 0
            ? 'The two files share no example and no question, not even nearly.'
            : 'Lines are of this file.'
      }
      flush
    >
      {findings.length === 0 ? (
        <Empty title="Nothing to find">
          No copies, no contradictions, nothing personal, no answers that are cut off: as data should be.
        </Empty>
      ) : (
        <ul className={classes['plain']}>
          {findings.map((finding) => (
            <FindingRow key={`${finding.code} ${finding.message}`} finding={finding} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function FindingRow({ finding }: { readonly finding: DataFinding }): ReactElement {
  const { code, severity, message, advice, lines, line_count: count, samples } = finding;
  return (
    <li className={classes['item']}>
      <Stack gap={6}>
        <Group gap="sm">
          <Severity severity={severity} />
          <Text size="sm" fw={600} component="h3" m={0}>
            {titles[code] ?? code.replaceAll('_', ' ')}
          </Text>
        </Group>
        <Text size="sm" className="outside">
          {message}
        </Text>
        {lines.length > 0 && (
          <Text size="sm" c="dimmed" component="div">
            <Lines lines={lines} count={count} />
          </Text>
        )}
        {samples.length > 0 && (
          <ul className={classes['samples']}>
            {samples.map(({ line, text }) => (
              <li key={line} className="outside">
                <span className="figures">{line}</span> {text}
              </li>
            ))}
          </ul>
        )}
        <Text size="sm" className="outside">
          <b>What to do:</b> {advice}
        </Text>
      </Stack>
    </li>
  );
}

const titles: Readonly<Record<string, string>> = {
  exact_duplicates: 'The same example more than once',
  near_duplicates: 'Examples that are nearly the same',
  contradicting_answers: 'One question, answers that contradict',
  varying_answers: 'One question, several answers',
  leakage: 'Examples that stand in both files',
  near_leakage: 'Examples that nearly stand in both files',
  prompt_leakage: 'Questions that stand in both files',
  echoed_prompt: 'Answers that repeat the question',
  class_imbalance: 'Labels of very different frequency',
  one_class: 'A single label',
  length_outliers: 'Unusually long or short examples',
  language_outliers: 'Examples in another language',
  mojibake: 'Wrongly decoded characters',
  invisible_characters: 'Characters nobody sees',
  personal_data: 'Personal data',
  truncated_answers: 'Answers that break off',
  refusals: 'Answers that decline',
  boilerplate: 'Phrases that many answers share',
  drift: 'Two files of different kinds',
};
