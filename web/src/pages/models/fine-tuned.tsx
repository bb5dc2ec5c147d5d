/** A fine-tuned model: where it comes from, how well it does, how to use it, how to take it along. */

import { Button, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import type { Lineage } from '../../../../src/domain/lineage.ts';
import { isMissing, openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Empty } from '../../parts/empty.tsx';
import { Facts } from '../../parts/facts.tsx';
import { bytes, count, counted, moment } from '../../parts/numbers.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Exports } from './exports.tsx';
import { figuresOf } from './figures.ts';
import { Hash } from './hash.tsx';
import { LineagePicture } from './lineage.tsx';
import { ModelLink } from './model-link.tsx';
import classes from './models.module.css';
import { UseIt } from './use-it.tsx';
import { PageButton } from '../../parts/links.tsx';

const back = { to: '/models', words: 'Models' };

export function FineTunedPage({ id }: { readonly id: string }): ReactElement {
  const query = useLive(['fine-tuned-models', 'one', id], (signal) =>
    openai.get<Lineage>(`/fine_tuned_models/${encodeURIComponent(id)}`, { signal }),
  );
  if (query.data !== undefined) return <Known lineage={query.data} />;
  if (isMissing(query.error))
    return (
      <Page title="No such model" back={back}>
        <Empty title="This model is not here">It was deleted, or it belongs to another project.</Empty>
      </Page>
    );
  return (
    <Page title="Model" back={back}>
      <Answered query={query}>{() => null}</Answered>
    </Page>
  );
}

function Known({ lineage }: { readonly lineage: Lineage }): ReactElement {
  const { model, base_sha256: baseSha256 } = lineage;
  const { id, kind, base_installed: isUsable } = model;
  return (
    <Page
      title={id}
      back={back}
      about={
        isUsable
          ? model.is_checkpoint
            ? 'A checkpoint: the model as it was earlier in its training.'
            : storyOf(lineage)
          : `It does not answer: its base model ${model.base_model} was removed from this machine. Fetch it again, and this model is back.`
      }
      actions={
        <>
          <PageButton variant="default" size="xs" to="/playground" search={{ model: id }}>
            Try it
          </PageButton>
          <PageButton variant="default" size="xs" to="/jobs/new" search={{ model: id }}>
            Train it further
          </PageButton>
          {!model.lent && <Remove id={id} size={model.size_bytes} />}
        </>
      }
    >
      <Panel title="Where it comes from, and what became of it">
        <LineagePicture lineage={lineage} />
      </Panel>
      <div className={classes['two']}>
        <HowWell lineage={lineage} />
        <Panel title="What it is">
          <Facts
            facts={[
              ['Base model', <ModelLink id={model.base_model} />],
              ['Asked for as', model.base === model.base_model ? null : model.base],
              ['Kind', kind === 'adapter' ? 'An adapter: small weights on top of the base' : 'Weights of its own'],
              ['Step of its training', model.step === null ? null : count(model.step)],
              ['Size on disk', bytes(model.size_bytes)],
              ['Made', moment(model.created_at)],
              ['Base’s SHA-256', baseSha256 === null ? null : <Hash of="the base model" sha256={baseSha256} short />],
              ['Belongs to', model.lent ? 'another project, which lets this one use it' : null],
            ]}
          />
        </Panel>
      </div>
      {isUsable && <UseIt model={id} />}
      <Exports model={id} hasAdapter={kind === 'adapter'} isEncoder={model.encoder} />
    </Page>
  );
}

/** "tiny, with what it learnt from train.jsonl." */
function storyOf({ parent, data }: Lineage): string {
  const training = data.find(({ role }) => role === 'training');
  if (training === undefined) return 'A fine-tuned model that another project lets this one use.';
  return `${parent.id}, with what it learnt from ${training.filename ?? training.id}.`;
}

/** The others are there for who asks for them. */
const figuresShown = 4;

function HowWell({ lineage: { model } }: { readonly lineage: Lineage }): ReactElement {
  const [isOpen, disclosure] = useDisclosure(false);
  const all = figuresOf(model);
  const figures = isOpen ? all : all.slice(0, figuresShown);
  const task = model.task_metrics;
  const isSmall = Object.values(task?.figures ?? {})[0]?.small === true;
  return (
    <Panel
      title="How well it does"
      about={
        task === null
          ? 'As training measured it, at its step.'
          : `On ${counted(task.count, 'validation example')} that it had not learnt from. The range holds the true figure in 95 of 100 cases${isSmall ? '; with so few examples take it as a hint' : ''}.`
      }
      flush
    >
      {figures.length === 0 ? (
        <Text size="sm" c="dimmed" p="md">
          Nothing was measured.
        </Text>
      ) : (
        <Table aria-label="Figures">
          <Table.Tbody>
            {figures.map(({ name, value, interval }) => (
              <Table.Tr key={name}>
                <Table.Th scope="row" fw={400}>
                  {name}
                </Table.Th>
                <Table.Td ta="right" className={classes['figure']}>
                  {value}
                </Table.Td>
                {task !== null && (
                  <Table.Td ta="right" className={classes['figure']}>
                    <Text span size="sm" c="dimmed">
                      {interval}
                    </Text>
                  </Table.Td>
                )}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {all.length > figuresShown && (
        <Button variant="subtle" size="compact-sm" m="xs" onClick={disclosure.toggle} aria-expanded={isOpen}>
          {isOpen ? 'Fewer' : `All ${all.length} figures`}
        </Button>
      )}
    </Panel>
  );
}

function Remove({ id, size }: { readonly id: string; readonly size: number }): ReactElement {
  const client = useQueryClient();
  const navigate = useNavigate();
  async function remove(): Promise<void> {
    await openai.models.delete(id);
    await navigate({ to: '/models' });
    await client.invalidateQueries({ queryKey: ['fine-tuned-models'] });
  }
  return (
    <AskFirst
      words="Delete"
      question="Delete this model?"
      consequences={`It will not answer any more, and its files (${bytes(size)}) are gone for good. Its job, its data and what was exported stay.`}
      verb="Delete"
      onSure={remove}
    />
  );
}
