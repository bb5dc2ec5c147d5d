/** Who is asked, and what: models, a system prompt, the conversation so far. */

import { ActionIcon, Button, Group, Kbd, MultiSelect, Stack, Text, Textarea, Tooltip } from '@mantine/core';
import { IconPlayerPlay, IconPlayerStop, IconPlus, IconX } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import { Panel } from '../../parts/panel.tsx';
import { useModelNames } from '../../parts/models.ts';
import classes from './playground.module.css';
import { type Mistakes, modelsMax, newTurn, type Prompt, type Turn } from './prompt.ts';

interface PromptFormProps {
  readonly prompt: Prompt;
  readonly onChange: (news: Partial<Prompt>) => void;
  readonly mistakes: Mistakes;
  readonly isAsking: boolean;
  readonly onAsk: () => void;
  readonly onStop: () => void;
}

const optionsMax = 50;

export function PromptForm({ prompt, onChange, mistakes, isAsking, onAsk, onStop }: PromptFormProps): ReactElement {
  const { models, system, turns } = prompt;
  const names = useModelNames();
  const change = (turn: Turn, news: Partial<Turn>): void =>
    onChange({ turns: turns.map((each) => (each.key === turn.key ? { ...each, ...news } : each)) });
  return (
    <Panel>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onAsk();
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            onAsk();
          }
        }}
      >
        <Stack gap="md">
          <MultiSelect
            label="Models"
            description={`Up to ${modelsMax}, side by side.`}
            placeholder={models.length === 0 ? 'Choose who answers' : ''}
            data={[...new Set([...names, ...models])]}
            value={[...models]}
            onChange={(chosen) => onChange({ models: chosen })}
            maxValues={modelsMax}
            limit={optionsMax}
            searchable
            hidePickedOptions
            nothingFoundMessage="No such model"
            error={mistakes.models}
          />
          <Textarea
            label="System prompt"
            description="What the model is told before the conversation: who it is, how it should answer. May be empty."
            autosize
            minRows={1}
            maxRows={10}
            value={system}
            onChange={(event) => onChange({ system: event.currentTarget.value })}
          />
          <Stack gap="sm" role="group" aria-label="Conversation">
            {turns.map((turn, i) => (
              <div key={turn.key} className={classes['turn']}>
                <Textarea
                  label={turn.role === 'user' ? 'You say' : 'The model said'}
                  autosize
                  minRows={turn.role === 'user' ? 2 : 1}
                  maxRows={14}
                  value={turn.text}
                  onChange={(event) => change(turn, { text: event.currentTarget.value })}
                  error={i === turns.length - 1 ? mistakes.turns : undefined}
                />
                {turns.length > 1 && (
                  <Tooltip label="Take this out">
                    <ActionIcon
                      mt={26}
                      variant="subtle"
                      color="gray"
                      aria-label={`Take out message ${i + 1}`}
                      onClick={() => onChange({ turns: turns.filter(({ key }) => key !== turn.key) })}
                    >
                      <IconX size={16} aria-hidden />
                    </ActionIcon>
                  </Tooltip>
                )}
              </div>
            ))}
          </Stack>
          <Group justify="space-between" gap="sm">
            <Group gap="sm">
              {/* One button, so that whoever pressed it is still on it. */}
              <Button
                type={isAsking ? 'button' : 'submit'}
                variant={isAsking ? 'default' : 'filled'}
                leftSection={
                  isAsking ? <IconPlayerStop size={16} aria-hidden /> : <IconPlayerPlay size={16} aria-hidden />
                }
                onClick={(event) => {
                  if (!isAsking) return;
                  event.preventDefault();
                  onStop();
                }}
              >
                {isAsking ? 'Stop' : 'Ask'}
              </Button>
              <Text size="xs" c="dimmed" visibleFrom="sm">
                <Kbd>Ctrl</Kbd> + <Kbd>Enter</Kbd>
              </Text>
            </Group>
            <Button
              variant="subtle"
              size="sm"
              leftSection={<IconPlus size={16} aria-hidden />}
              onClick={() =>
                onChange({ turns: [...turns, newTurn(turns.at(-1)?.role === 'user' ? 'assistant' : 'user')] })
              }
            >
              Add a message
            </Button>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
