/** What is in the file, as pictures: how long its examples are, who speaks, which labels and languages there are. */

import { Select, SimpleGrid, Text } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import type { FileCheck, FileDistribution, FileStatistics, RepeatedText } from '../../../../src/domain/file-check.ts';
import { Empty } from '../../parts/empty.tsx';
import { Facts } from '../../parts/facts.tsx';
import { count, counted, decimal, percent } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { Histogram, NamedBars, type Bar } from './bars.tsx';
import { Lines } from './lines.tsx';
import classes from './files.module.css';

export function StatisticsPart({ check }: { readonly check: FileCheck }): ReactElement {
  const { statistics } = check;
  if (statistics === null)
    return (
      <Panel>
        <Empty title="Nothing to count">No row is without errors. Mend the file first.</Empty>
      </Panel>
    );
  return (
    <>
      <Lengths statistics={statistics} />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg" verticalSpacing={0}>
        <Speakers statistics={statistics} />
        <Languages statistics={statistics} />
      </SimpleGrid>
      <Labels statistics={statistics} />
      <Repeats title="Questions that come again and again" texts={statistics.repeated_prompts} />
      <Repeats title="Answers that come again and again" texts={statistics.repeated_answers} />
    </>
  );
}

function Lengths({ statistics }: { readonly statistics: FileStatistics }): ReactElement {
  const { tokens, limits } = statistics;
  const [counter, setCounter] = useState((tokens.find(({ here }) => here) ?? tokens[0]!).counter);
  const chosen = tokens.find((each) => each.counter === counter) ?? tokens[0]!;
  const over = limits.filter((limit) => limit.over > 0);
  return (
    <Panel
      title="Lengths"
      about="In tokens, the pieces of words that a model reads and writes. A model can take only so many at once."
      actions={
        <Select
          aria-label="Counted by"
          size="xs"
          w={230}
          allowDeselect={false}
          data={tokens.map(({ counter: name, here }) => ({
            value: name,
            label: here ? `${name}, on this machine` : `OpenAI's ${name}`,
          }))}
          value={counter}
          onChange={(value) => value !== null && setCounter(value)}
        />
      }
    >
      {chosen.per_example === null ? (
        <Text size="sm">Its chat template refuses every example.</Text>
      ) : (
        <>
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
            <Histogram
              title="Examples by their tokens"
              unit="examples"
              axis="tokens of an example"
              bars={binsOf(chosen.per_example)}
            />
            {chosen.per_answer !== null && (
              <Histogram
                title="Answers by their tokens"
                unit="answers"
                axis="tokens of an answer"
                bars={binsOf(chosen.per_answer)}
              />
            )}
          </SimpleGrid>
          <div className={classes['facts']}>
            <Facts
              facts={[
                ['Half of the examples have at most', `${count(chosen.per_example.p50)} tokens`],
                ['The longest has', `${count(chosen.per_example.max)} tokens`],
                ['All together', `${count(chosen.per_example.total)} tokens`],
                chosen.supervised === 0
                  ? null
                  : [
                      'Learnt from',
                      `${count(chosen.supervised)} tokens of answers, ${percent(chosen.supervised / Math.max(1, chosen.per_example.total), 0)}; the rest is context`,
                    ],
                ...over.map(
                  (limit) =>
                    [
                      `Too long for ${limit.models.join(', ')}`,
                      <>
                        {`${counted(limit.over, 'example')} of more than ${count(limit.tokens_max)} tokens would be cut. `}
                        <Lines lines={limit.lines} count={limit.over} />
                      </>,
                    ] as const,
                ),
                chosen.refused === 0 ? null : ['Refused by its chat template', counted(chosen.refused, 'example')],
              ]}
            />
          </div>
        </>
      )}
    </Panel>
  );
}

function Speakers({ statistics }: { readonly statistics: FileStatistics }): ReactElement {
  const { roles, turns, missing_system: silent, examples } = statistics;
  return (
    <Panel title="Who speaks">
      <NamedBars
        title="Messages by their role"
        unit="messages"
        axis="Role"
        bars={roles.map(({ role, messages }) => ({ name: role, count: messages }))}
      />
      <div className={classes['facts']}>
        <Facts
          facts={[
            turns === null
              ? null
              : [
                  'Answers an example',
                  turns.max === 1 ? 'one' : `${decimal(turns.mean, 2)} on average, at most ${turns.max}`,
                ],
            silent === 0
              ? null
              : ['Without a system message', `${counted(silent, 'example')}, ${percent(silent / examples, 0)}`],
          ]}
        />
      </div>
    </Panel>
  );
}

function Languages({ statistics }: { readonly statistics: FileStatistics }): ReactElement {
  const { sampled, shares } = statistics.languages;
  const names = new Intl.DisplayNames('en', { type: 'language' });
  return (
    <Panel title="Languages">
      <NamedBars
        title={
          sampled < statistics.examples ? `Told from ${counted(sampled, 'example')}` : 'Examples by their language'
        }
        unit="examples"
        axis="Language"
        bars={shares.map(({ code, count: times }) => ({
          name: code === null ? 'cannot tell' : (names.of(code) ?? code),
          count: times,
        }))}
      />
    </Panel>
  );
}

const labelsShown = 24;

function Labels({ statistics }: { readonly statistics: FileStatistics }): ReactElement {
  const { labels } = statistics;
  if (labels === null)
    return (
      <Panel title="Labels">
        <Text size="sm" c="dimmed">
          The answers are free text and no fixed set of labels, so there is nothing to count.
        </Text>
      </Panel>
    );
  const most = labels.labels[0]?.share ?? 1;
  return (
    <Panel
      title="Labels"
      about={
        labels.different === 1
          ? 'Every answer is the same: there is nothing to tell apart.'
          : `Whoever always says “${labels.labels[0]!.label}” is right ${percent(most, 0)} of the time; a model has to beat that.`
      }
    >
      <NamedBars
        title={counted(labels.different, 'label')}
        unit="examples"
        axis="Label"
        bars={labels.labels.slice(0, labelsShown).map(({ label, count: times }) => ({ name: label, count: times }))}
        of={statistics.examples}
      />
      {(labels.labels.length > labelsShown || labels.single > 0) && (
        <Text size="sm" c="dimmed" mt="sm">
          {[
            ...(labels.labels.length > labelsShown ? [`${count(labels.labels.length - labelsShown)} more`] : []),
            ...(labels.single > 0
              ? [`${counted(labels.single, 'label')} with a single example, too few to learn`]
              : []),
          ].join('; ')}
          .
        </Text>
      )}
    </Panel>
  );
}

function Repeats({
  title,
  texts,
}: {
  readonly title: string;
  readonly texts: readonly RepeatedText[];
}): ReactElement | null {
  if (texts.length === 0) return null;
  return (
    <Panel title={title} flush>
      <ul className={classes['plain']}>
        {texts.map(({ text, count: times, lines }) => (
          <li key={`${lines[0]} ${text}`} className={classes['item']}>
            <Text size="sm" className="outside" lineClamp={2}>
              {text}
            </Text>
            <Text size="sm" c="dimmed" component="div">
              {count(times)} times. <Lines lines={lines} count={times} />
            </Text>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const binsOf = ({ histogram }: FileDistribution): readonly Bar[] =>
  histogram.map(({ from, to, count: times }) => ({
    name: to - from <= 1 ? count(from) : `${count(from)}–${count(to - 1)}`,
    count: times,
  }));
