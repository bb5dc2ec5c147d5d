/** Which model learns: the recommended one with its reasons, or any other that can be trained here. */

import { Alert, Button, Group, List, Select, Text } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import type { JobEstimate, Recommendation } from '../../../../src/domain/estimate.ts';
import { type ListOf, openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Empty } from '../../parts/empty.tsx';
import { bytes, count, decimal } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import type { Draft } from './draft.ts';
import { useBases } from '../../parts/models.ts';
import { PageLink } from '../../parts/links.tsx';

interface ModelChoiceProps {
  readonly draft: Draft;
  readonly onChange: (part: Partial<Draft>) => void;
  readonly estimate: JobEstimate | undefined;
}

interface Limits {
  readonly model: string;
}

export function ModelChoice({ draft, onChange, estimate }: ModelChoiceProps): ReactElement {
  const trainable = useLive(
    ['models', 'trainable'],
    (signal) => openai.get<ListOf<Limits>>('/fine_tuning/model_limits', { signal }),
    { every: 5000 },
  );
  const bases = useBases({ every: 5000 });
  const names = (trainable.data?.data ?? []).map(({ model }) => model);
  const chosen = draft.model ?? estimate?.model ?? null;
  const base = bases.data?.find(({ id }) => id === chosen);
  const all = chosen === null || names.includes(chosen) ? names : [chosen, ...names];
  const installed = new Set((bases.data ?? []).filter(({ status }) => status === 'installed').map(({ id }) => id));
  const kinds = [
    { group: 'Base models', items: all.filter((name) => installed.has(name)) },
    {
      group: 'Other names of base models',
      items: all.filter((name) => !installed.has(name) && !name.startsWith('ft:')),
    },
    { group: 'Fine-tuned here: go on from there', items: all.filter((name) => name.startsWith('ft:')) },
  ];
  return (
    <Panel title="Model" about="The model that learns. It stays as it is; what is learnt is kept beside it.">
      {trainable.data !== undefined && names.length === 0 ? (
        <Empty title="No model that can be trained is here yet" action={<PageLink to="/models">Fetch one</PageLink>}>
          A small one of a hundred megabytes is enough to begin with.
        </Empty>
      ) : (
        <>
          <Select
            label="Model to train"
            placeholder={draft.trainingFile === null ? 'Recommended when a file is chosen' : 'Choose a model'}
            data={kinds.filter(({ items }) => items.length > 0)}
            value={chosen}
            onChange={(model) => onChange({ model })}
            searchable
            nothingFoundMessage="No model is called that"
            mb="xs"
          />
          {base !== undefined && (
            <Text size="sm" c="dimmed" className="figures">
              {base.name}: {decimal(base.parameters / 1e6, 3)} million parameters, {bytes(base.size_bytes)}, reads up to{' '}
              {count(base.context_tokens)} tokens, licence {base.licence}.
            </Text>
          )}
          {estimate !== undefined && (
            <Recommended
              recommendation={estimate.recommendation}
              chosen={estimate.base}
              onChoose={(model) => onChange({ model })}
            />
          )}
        </>
      )}
    </Panel>
  );
}

interface RecommendedProps {
  readonly recommendation: Recommendation;
  readonly chosen: string;
  readonly onChoose: (model: string) => void;
}

function Recommended({ recommendation, chosen, onChoose }: RecommendedProps): ReactElement {
  const { model, reasons, others, fetch } = recommendation;
  const [isOpen, setOpen] = useState(false);
  const isChosen = model === chosen;
  return (
    <Alert
      mt="md"
      color={isChosen ? 'gray' : 'ink'}
      title={
        model === null ? 'Nothing here fits' : isChosen ? `${model} suits these examples` : `${model} is recommended`
      }
    >
      <List size="sm" spacing={4}>
        {reasons.map((reason) => (
          <List.Item key={reason}>{reason}</List.Item>
        ))}
        {fetch !== null && (
          <List.Item>
            {fetch.reason} It is {bytes(fetch.size_bytes)}.{' '}
            <PageLink to="/models" size="sm">
              Fetch {fetch.model}
            </PageLink>
          </List.Item>
        )}
      </List>
      <Group mt="sm" gap="xs">
        {!isChosen && model !== null && (
          <Button size="compact-sm" onClick={() => onChoose(model)}>
            Take it
          </Button>
        )}
        {others.length > 0 && (
          <Button size="compact-sm" variant="default" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {isOpen ? 'Hide the others' : `What about the others? (${others.length})`}
          </Button>
        )}
      </Group>
      {isOpen &&
        others.map((other) => (
          <div key={other.model}>
            <Group justify="space-between" mt="sm" gap="xs">
              <Text size="sm" fw={600}>
                {other.model}
              </Text>
              <Button
                size="compact-sm"
                variant="default"
                onClick={() => onChoose(other.model)}
                aria-label={`Take ${other.model}`}
              >
                Take
              </Button>
            </Group>
            <Text size="sm">{other.reasons.join(' ')}</Text>
          </div>
        ))}
    </Alert>
  );
}
