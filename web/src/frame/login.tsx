/** Where keys are on: the key is shown once, and a cookie that no script can read stands for it from then on. */

import { Alert, Button, Center, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { type FormEvent, type ReactElement, useState } from 'react';
import icon from '../icon.svg';
import { useDoor } from '../session.ts';

export function Login(): ReactElement {
  const { enter } = useDoor();
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const [isTrying, setTrying] = useState(false);

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setTrying(true);
    setProblem(await enter(key.trim()));
    setTrying(false);
  }

  return (
    <Center component="main" mih="100vh" p="md">
      <form onSubmit={(event) => void submit(event)}>
        <Stack w={340} maw="100%" gap="md">
          <img src={icon} width={40} height={40} alt="" />
          <Title order={1}>Tunesmith</Title>
          <Text c="dimmed" size="sm">
            This server asks for a key. Whoever runs it makes one with{' '}
            <span className="mono">tunesmith keys create</span>.
          </Text>
          <PasswordInput
            label="Key"
            placeholder="sk-tunesmith-…"
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
            autoComplete="current-password"
            data-autofocus
          />
          {problem !== null && (
            <Alert color="red" role="alert">
              {problem}
            </Alert>
          )}
          <Button type="submit" loading={isTrying} disabled={key.trim() === ''}>
            Sign in
          </Button>
        </Stack>
      </form>
    </Center>
  );
}
