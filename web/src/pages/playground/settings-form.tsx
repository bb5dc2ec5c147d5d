/** How models are to answer: freely or always the same, how long, in what shape, with which tools. */

import { Anchor, NumberInput, SegmentedControl, Slider, Stack, Switch, TagsInput, Text, Textarea } from '@mantine/core';
import { type ReactElement, type ReactNode, useId } from 'react';
import { Panel } from '../../parts/panel.tsx';
import classes from './playground.module.css';
import { exampleSchema, exampleTool, type Format, type Mistakes, type Prompt } from './prompt.ts';

interface SettingsFormProps {
  readonly prompt: Prompt;
  readonly onChange: (news: Partial<Prompt>) => void;
  readonly mistakes: Mistakes;
}

const stopsMax = 4;
const formats: readonly { readonly value: Format; readonly label: string }[] = [
  { value: 'text', label: 'Text' },
  { value: 'json_object', label: 'JSON' },
  { value: 'json_schema', label: 'Schema' },
];

export function SettingsForm({ prompt, onChange, mistakes }: SettingsFormProps): ReactElement {
  const temperature = useId();
  const format = useId();
  return (
    <Panel title="How to answer">
      <Stack gap="lg">
        <div>
          <Text size="sm" fw={600} id={temperature}>
            Temperature: <span className="figures">{prompt.temperature.toFixed(1)}</span>
          </Text>
          <Text size="xs" c="dimmed" mb={6}>
            At 0 the likeliest word each time, and the same answer again; higher is more varied.
          </Text>
          <Slider
            thumbProps={{ 'aria-labelledby': temperature }}
            min={0}
            max={2}
            step={0.1}
            label={null}
            value={prompt.temperature}
            onChange={(value) => onChange({ temperature: value })}
          />
        </div>
        <NumberInput
          label="Longest answer"
          description="In tokens; a token is about three quarters of an English word."
          min={1}
          max={100_000}
          allowDecimal={false}
          thousandSeparator=","
          value={prompt.tokensMax}
          onChange={(value) => typeof value === 'number' && onChange({ tokensMax: value })}
        />
        <TagsInput
          label="Stop at"
          description="The answer ends before any of these words. Enter adds one."
          maxTags={stopsMax}
          value={[...prompt.stop]}
          onChange={(stop) => onChange({ stop })}
        />
        <NumberInput
          label="Seed"
          description="The same seed and settings give the same answer. Empty: another each time."
          min={0}
          max={2 ** 31 - 1}
          allowDecimal={false}
          value={prompt.seed ?? ''}
          onChange={(value) => onChange({ seed: typeof value === 'number' ? value : null })}
        />
        <Switch
          label="Probability of each token"
          description="Point at a word of an answer, or go to it with the arrow keys."
          checked={prompt.probabilities}
          onChange={(event) => onChange({ probabilities: event.currentTarget.checked })}
        />
        <Switch
          label="One after the other"
          description="Models that answer at once share the processor, and each looks slower than it is."
          checked={prompt.inTurn}
          onChange={(event) => onChange({ inTurn: event.currentTarget.checked })}
        />
        <div>
          <Text size="sm" fw={600} mb={6} id={format}>
            Shape of the answer
          </Text>
          <SegmentedControl
            fullWidth
            data={[...formats]}
            value={prompt.format}
            onChange={(value) => onChange({ format: value })}
            aria-labelledby={format}
          />
        </div>
        {prompt.format === 'json_schema' && (
          <JsonEditor
            label="JSON schema"
            about="The answer is held to it, letter by letter."
            example={exampleSchema}
            value={prompt.schema}
            onChange={(schema) => onChange({ schema })}
            error={mistakes.schema}
          />
        )}
        <JsonEditor
          label="Tools"
          about="Functions that the model may ask for, in OpenAI's words. It is shown what it asks for; nothing is run."
          example={exampleTool}
          value={prompt.tools}
          onChange={(tools) => onChange({ tools })}
          error={mistakes.tools}
        />
        {prompt.tools.trim() !== '' && (
          <Switch
            label="Must call a tool"
            description="Otherwise the model decides whether it does."
            checked={prompt.mustCall}
            onChange={(event) => onChange({ mustCall: event.currentTarget.checked })}
          />
        )}
      </Stack>
    </Panel>
  );
}

interface JsonEditorProps {
  readonly label: string;
  readonly about: ReactNode;
  readonly example: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly error: string | undefined;
}

/** Tab leaves it, as it leaves every field; who cannot use a mouse would otherwise not get out. */
function JsonEditor({ label, about, example, value, onChange, error }: JsonEditorProps): ReactElement {
  return (
    <div>
      <Textarea
        className={classes['editor']}
        label={label}
        description={about}
        autosize
        minRows={2}
        maxRows={16}
        spellCheck={false}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        error={error}
      />
      {value.trim() === '' && (
        <Anchor component="button" type="button" size="xs" mt={4} onClick={() => onChange(example)}>
          Begin with an example
        </Anchor>
      )}
    </div>
  );
}
