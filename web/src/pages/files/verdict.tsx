/** The outcome of a check in one sentence, and the figures behind it. */

import { Alert, Text } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconInfoCircle } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import type { FileCheck } from '../../../../src/domain/file-check.ts';
import { count, counted } from '../../parts/numbers.ts';

export function Verdict({ check }: { readonly check: FileCheck }): ReactElement {
  const { errors, examples, faulty_examples: faulty, findings, warnings } = check;
  const serious = findings.filter(({ severity }) => severity === 'error').length;
  if (errors > 0) {
    const where = faulty === 0 ? '' : ` in ${count(faulty)} of ${counted(examples, 'example')}`;
    return (
      <Alert color="red" variant="light" mb="lg" icon={<IconAlertTriangle aria-hidden />}>
        <Text size="sm" fw={600}>
          A job would refuse this file: {counted(errors, 'error')}
          {where}.
        </Text>
        <Text size="sm">{nextStep(check)}</Text>
      </Alert>
    );
  }
  if (serious + warnings > 0)
    return (
      <Alert color="yellow" variant="light" mb="lg" icon={<IconInfoCircle aria-hidden />}>
        <Text size="sm">
          <b>{counted(examples, 'example')}, ready to train on.</b>{' '}
          {[
            ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
            ...(serious > 0 ? [`${counted(serious, 'finding')} that would make training or measuring vain`] : []),
          ].join(' and ')}{' '}
          to look at first.
        </Text>
      </Alert>
    );
  return (
    <Alert color="teal" variant="light" mb="lg" icon={<IconCircleCheck aria-hidden />}>
      <Text size="sm">
        <b>{counted(examples, 'example')}, ready to train on.</b> Nothing is wrong with the file.
      </Text>
    </Alert>
  );
}

function nextStep({ repair }: FileCheck): string {
  if (repair === null || repair.repairs.length === 0) return 'Below stands what is wrong, line by line.';
  if (repair.broken === 0) return 'All of it that lies in single rows can be mended for you: see “Mend it” below.';
  return `Much of it can be mended for you; ${counted(repair.broken, 'row')} would need your hand, or be left out.`;
}
