/** The forms for a sweep and for a learning curve. */

import { Button, Group, NumberInput, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { type ReactElement, type ReactNode, useState } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';
import type { SweepValue } from '../../../../src/domain/sweep.ts';
import type { Task } from '../../../../src/domain/task.ts';
import { useAct } from '../../live.ts';
import { Failure } from '../../parts/answered.tsx';
import { counted } from '../../parts/numbers.ts';
import { startTask } from '../../parts/task-progress.tsx';
import { FileChoice, ModelsChoice } from './choices.tsx';

/** As the user wrote it: numbers are numbers. */
const valueOf = (text: string): SweepValue =>
  text.trim() !== '' && Number.isFinite(Number(text))
    ? Number(text)
    : text === 'true'
      ? true
      : text === 'false'
        ? false
        : text;

const offered = [
  {
    name: 'learning_rate',
    words: 'Learning rate',
    about: 'How large each step is: what matters most.',
    usual: ['1e-4', '5e-4', '2e-3'],
    data: ['5e-5', '1e-4', '2e-4', '5e-4', '1e-3', '2e-3'],
  },
  {
    name: 'n_epochs',
    words: 'Epochs',
    about: 'How often the data is gone through.',
    usual: [],
    data: ['1', '2', '3', '5'],
  },
  {
    name: 'lora_rank',
    words: 'LoRA rank',
    about: 'How much an adapter can learn.',
    usual: [],
    data: ['4', '8', '16', '32'],
  },
  {
    name: 'batch_size',
    words: 'Batch size',
    about: 'Examples in each step.',
    usual: [],
    data: ['1', '2', '4', '8', '16'],
  },
] as const;

interface StartedProps {
  readonly onStarted: (task: Task) => void;
}

export function NewSweep({ onStarted }: StartedProps): ReactElement {
  const [models, setModels] = useState<readonly string[]>([]);
  const [train, setTrain] = useState<FileObject | null>(null);
  const [validation, setValidation] = useState<FileObject | null>(null);
  const [test, setTest] = useState<FileObject | null>(null);
  const [values, setValues] = useState<Readonly<Record<string, readonly string[]>>>(
    Object.fromEntries(offered.map(({ name, usual }) => [name, usual])),
  );
  const [other, setOther] = useState('');
  const [otherValues, setOtherValues] = useState<readonly string[]>([]);
  const [trials, setTrials] = useState<number | string>('');
  const chosen = Object.entries({ ...values, ...(other.trim() !== '' && { [other.trim()]: otherValues }) }).filter(
    ([, each]) => each.length > 0,
  );
  const grid = chosen.reduce((product, [, each]) => product * each.length, Math.max(1, models.length));
  const start = useAct(
    () =>
      startTask('sweep', {
        models,
        training_file: train!.id,
        validation_file: validation?.id ?? null,
        test_file: test?.id ?? null,
        hyperparameters: Object.fromEntries(chosen.map(([name, each]) => [name, each.map(valueOf)])),
        trials: typeof trials === 'number' ? trials : null,
      }),
    { changes: [['tasks']], onDone: onStarted },
  );
  return (
    <Stack gap="md">
      <ModelsChoice label="Base models" value={models} onChange={setModels} onlyBases />
      <FileChoice label="Training file" purposes={['fine-tune']} value={train} onChange={setTrain} />
      <FileChoice
        label="Validation file (optional)"
        description="Ranks the trials. Without one, a fifth of the training file is kept back for that."
        purposes={['fine-tune']}
        value={validation}
        onChange={setValidation}
        clearable
      />
      <FileChoice
        label="Test file (optional)"
        description="Asked once, of the best one: the only figure to be told to others."
        purposes={['fine-tune']}
        value={test}
        onChange={setTest}
        clearable
      />
      <Group gap="md" align="flex-start" grow preventGrowOverflow={false} wrap="wrap">
        {offered.map(({ name, words, about, data }) => (
          <TagsInput
            key={name}
            label={words}
            description={about}
            placeholder={values[name]!.length === 0 ? 'as the server chooses' : undefined}
            data={[...data]}
            value={[...values[name]!]}
            onChange={(next) => setValues({ ...values, [name]: next })}
            miw={220}
          />
        ))}
      </Group>
      <Group gap="md" align="flex-end">
        <TextInput
          label="Another hyper-parameter"
          placeholder="weight_decay"
          value={other}
          onChange={(event) => setOther(event.currentTarget.value)}
          w={220}
        />
        <TagsInput label="Its values" value={[...otherValues]} onChange={setOtherValues} w={280} />
        <NumberInput
          label="Trials, drawn by lot"
          placeholder={`all ${grid}`}
          min={1}
          value={trials}
          onChange={setTrials}
          w={180}
        />
      </Group>
      <Started
        error={start.isError ? start.error : null}
        isPending={start.isPending}
        onStart={() => start.mutate(undefined)}
        missing={
          models.length === 0
            ? 'Choose a base model.'
            : train === null
              ? 'The training file is missing.'
              : grid < 2
                ? 'Give something several values.'
                : null
        }
      >
        {counted(typeof trials === 'number' ? Math.min(trials, grid) : grid, 'trial')}: one in three goes on to three
        times the data, and the last two train on all of it.
      </Started>
    </Stack>
  );
}

export function NewCurve({ onStarted }: StartedProps): ReactElement {
  const [models, setModels] = useState<readonly string[]>([]);
  const [train, setTrain] = useState<FileObject | null>(null);
  const [validation, setValidation] = useState<FileObject | null>(null);
  const [shares, setShares] = useState<readonly string[]>(['10', '25', '50', '100']);
  const [repeats, setRepeats] = useState<number | string>(1);
  const start = useAct(
    () =>
      startTask('learning_curve', {
        model: models[0],
        training_file: train!.id,
        validation_file: validation?.id ?? null,
        shares: shares.map((share) => Number(share) / 100).sort((a, b) => a - b),
        repeats: typeof repeats === 'number' ? repeats : 1,
      }),
    { changes: [['tasks']], onDone: onStarted },
  );
  return (
    <Stack gap="md">
      <ModelsChoice label="Base model" value={models} onChange={(next) => setModels(next.slice(-1))} onlyBases />
      <FileChoice label="Training file" purposes={['fine-tune']} value={train} onChange={setTrain} />
      <FileChoice
        label="Validation file (optional)"
        description="Measures every point. Without one, a fifth of the training file is kept back for that."
        purposes={['fine-tune']}
        value={validation}
        onChange={setValidation}
        clearable
      />
      <Group gap="md" align="flex-end">
        <TagsInput
          label="Parts of the data, in percent"
          description="Growing, and ending with 100."
          data={['10', '25', '50', '75', '100']}
          value={[...shares]}
          onChange={setShares}
          w={340}
        />
        <NumberInput
          label="Trainings per part"
          description="More tell luck from learning."
          min={1}
          max={20}
          value={repeats}
          onChange={setRepeats}
          w={220}
        />
      </Group>
      <Started
        error={start.isError ? start.error : null}
        isPending={start.isPending}
        onStart={() => start.mutate(undefined)}
        missing={models.length === 0 ? 'Choose a base model.' : train === null ? 'The training file is missing.' : null}
      >
        {counted(shares.length * (typeof repeats === 'number' ? repeats : 1), 'training')}, one after the other.
      </Started>
    </Stack>
  );
}

interface StartProps {
  readonly error: unknown;
  readonly isPending: boolean;
  readonly onStart: () => void;
  readonly missing: string | null;
  readonly children: ReactNode;
}

function Started({ error, isPending, onStart, missing, children }: StartProps): ReactElement {
  return (
    <>
      {error !== null && <Failure error={error} />}
      <Group gap="sm">
        <Button disabled={missing !== null} loading={isPending} onClick={onStart}>
          Start
        </Button>
        <Text size="sm" c="dimmed" style={{ flex: '1 1 14rem' }}>
          {missing ?? children}
        </Text>
      </Group>
    </>
  );
}
