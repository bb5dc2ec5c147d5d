/** What a comparison found: the verdict in a sentence, then agreement, quality, cost, and what the two differ on. */

import { Accordion, Alert, Box, Button, Group, Table, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import type { ParityDifference, ParityResult, ParitySide } from '../../../../src/domain/openai-capture.ts';
import { count, counted, duration, percent } from '../../parts/numbers.ts';
import classes from './leaving.module.css';

const differencesShown = 30;

export function ParityReport({ task, result }: { readonly task: string; readonly result: ParityResult }): ReactElement {
  const { verdict, recorded, local, agreement, sides, differences, difference_count, files } = result;
  const { exact, both_right, only_recorded, only_local, both_wrong } = agreement;
  return (
    <Box mt="lg" component="section" aria-label="Comparison">
      <Alert variant="light" mb="md" role="status">
        <Text className="outside" fw={500}>
          {verdict}
        </Text>
      </Alert>
      <Text size="sm" c="dimmed" mb="md" className="outside">
        {recorded} over there, {local} here, on {counted(result.count, 'question')} ({result.task.replace('_', ' ')}:{' '}
        {result.reason}).
        {result.unrecorded > 0 && ` ${count(result.unrecorded)} more were never recorded and are in no figure.`}
      </Text>
      <div className={classes['pair']}>
        <Agreement {...{ both_right, only_recorded, only_local, both_wrong }} />
        <Box>
          <Text fw={600} size="sm" mb={4}>
            The same answer to the letter
          </Text>
          <Text fz={28} fw={600} className="figures" lh={1.2}>
            {percent(exact.value)}
          </Text>
          <Text size="sm" c="dimmed" className="figures">
            95 % interval {percent(exact.low)} to {percent(exact.high)}
          </Text>
          <Text size="sm" c="dimmed" mt="xs" className="figures">
            Right or wrong, local less recorded: {points(result.right_or_wrong.estimate.value)},{' '}
            {p(result.right_or_wrong.p_value)} by McNemar's test.
          </Text>
        </Box>
      </div>
      <Sides sides={sides} />
      {difference_count > 0 && (
        <Box mt="md">
          <Text fw={600} size="sm" mb={4}>
            What they differ on
          </Text>
          <Accordion variant="contained" order={3}>
            {differences.slice(0, differencesShown).map((each) => (
              <Difference key={each.line} {...each} />
            ))}
          </Accordion>
          {difference_count > differencesShown && (
            <Text size="xs" c="dimmed" mt="xs">
              And {count(difference_count - Math.min(difference_count, differencesShown))} more in the report.
            </Text>
          )}
        </Box>
      )}
      {files.map(({ name }) => (
        <Group key={name} mt="md">
          <Button
            variant="default"
            leftSection={<IconDownload size={16} aria-hidden />}
            component="a"
            href={`/v1/tasks/${task}/files/${name}`}
            download={name}
          >
            Save the report
          </Button>
        </Group>
      ))}
    </Box>
  );
}

const points = (value: number): string => `${value >= 0 ? '+' : '−'}${Math.abs(100 * value).toFixed(1)} points`;
const p = (value: number | null): string =>
  value === null ? 'p unknown' : value < 0.001 ? 'p < 0.001' : `p = ${value.toFixed(3)}`;

type Counts = Pick<ParityResult['agreement'], 'both_right' | 'only_recorded' | 'only_local' | 'both_wrong'>;

function Agreement({ both_right, only_recorded, only_local, both_wrong }: Counts): ReactElement {
  return (
    <Table withTableBorder withColumnBorders className="figures" captionSide="top">
      <Table.Caption ta="left" mt={0} mb={4}>
        How many questions each had right
      </Table.Caption>
      <Table.Thead>
        <Table.Tr>
          <Table.Td />
          <Table.Th ta="right">Local right</Table.Th>
          <Table.Th ta="right">Local wrong</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        <Table.Tr>
          <Table.Th scope="row">Recorded right</Table.Th>
          <Table.Td ta="right">{count(both_right)}</Table.Td>
          <Table.Td ta="right">{count(only_recorded)}</Table.Td>
        </Table.Tr>
        <Table.Tr>
          <Table.Th scope="row">Recorded wrong</Table.Th>
          <Table.Td ta="right">{count(only_local)}</Table.Td>
          <Table.Td ta="right">{count(both_wrong)}</Table.Td>
        </Table.Tr>
      </Table.Tbody>
    </Table>
  );
}

function Sides({ sides: [there, here] }: { readonly sides: readonly [ParitySide, ParitySide] }): ReactElement {
  const costs: readonly (readonly [string, (side: ParitySide) => string])[] = [
    ['Time to an answer, half of them within', (side) => duration(side.latency_ms.p50 / 1000)],
    ['Time to an answer, 95 of 100 within', (side) => duration(side.latency_ms.p95 / 1000)],
    ['Tokens of a prompt', (side) => side.prompt_tokens.toFixed(1)],
    ['Tokens of an answer', (side) => side.completion_tokens.toFixed(1)],
    ['A thousand requests', (side) => side.cost],
  ];
  return (
    <Box mt="md" className={classes['listing']} tabIndex={0} role="region" aria-label="Quality and cost">
      <Table className="figures" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Quality and cost</Table.Th>
            <Table.Th ta="right">Recorded</Table.Th>
            <Table.Th ta="right">Local</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {there.figures.map(({ name, title }) => (
            <Table.Tr key={name}>
              <Table.Td>{title}</Table.Td>
              {[there, here].map((side) => {
                const found = side.figures.find((each) => each.name === name)?.estimate;
                return (
                  <Table.Td key={side.name} ta="right">
                    {found === undefined ? '—' : percent(found.value)}
                    {found !== undefined && (
                      <Text size="xs" c="dimmed">
                        {percent(found.low)} to {percent(found.high)}
                      </Text>
                    )}
                  </Table.Td>
                );
              })}
            </Table.Tr>
          ))}
          {costs.map(([title, of]) => (
            <Table.Tr key={title}>
              <Table.Td>{title}</Table.Td>
              <Table.Td ta="right">{of(there)}</Table.Td>
              <Table.Td ta="right">{of(here)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Box>
  );
}

function Difference(each: ParityDifference): ReactElement {
  const mark = (isRight: boolean): string => (isRight ? 'right' : 'wrong');
  const said = [
    ['Question', each.question],
    ['Should be', each.expected],
    ['Recorded', each.recorded],
    ['Local', each.local ?? 'Nothing'],
  ] as const;
  return (
    <Accordion.Item value={String(each.line)}>
      <Accordion.Control>
        <Text size="sm">
          Line {each.line}: recorded {mark(each.recorded_right)}, local {mark(each.local_right)}
        </Text>
      </Accordion.Control>
      <Accordion.Panel>
        {said.map(([name, text]) => (
          <Box key={name} mb="xs">
            <Text size="xs" c="dimmed">
              {name}
            </Text>
            <Text size="sm" className="outside">
              {text}
            </Text>
          </Box>
        ))}
      </Accordion.Panel>
    </Accordion.Item>
  );
}
