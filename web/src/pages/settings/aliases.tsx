/** Other names for models, so that programs that ask for OpenAI's need not change. */

import { Autocomplete, Button, Select, Text } from '@mantine/core';
import { IconArrowRight } from '@tabler/icons-react';
import { type FormEvent, type ReactElement, useState } from 'react';
import type { ModelAlias } from '../../../../src/domain/model-alias.ts';
import { fieldOf, openai, sentenceOf } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Answered, Failure } from '../../parts/answered.tsx';
import { useBases } from '../../parts/models.ts';
import { Panel } from '../../parts/panel.tsx';
import { aliasesKey, useAliases } from './data.ts';
import { NoRows, Row, Rows } from './rows.tsx';
import classes from './settings.module.css';

/** What programs that were written for OpenAI ask for most. */
const usual = ['gpt-4o-mini', 'gpt-4o', 'gpt-4.1-mini', 'gpt-4.1-nano', 'gpt-4.1', 'gpt-3.5-turbo'];

export function Aliases({ isOperator }: { readonly isOperator: boolean }): ReactElement {
  return (
    <Panel
      title="Other names for models"
      about="A program that asks for gpt-4o-mini is answered by the model on this machine that you name here, and fine-tunes it."
      flush
    >
      {isOperator && <NewAlias />}
      <Answered query={useAliases()}>
        {(all) =>
          all.length === 0 ? (
            <NoRows>Models answer to their own names only.</NoRows>
          ) : (
            <Rows label="Other names for models">
              {all.map((alias) => (
                <AliasRow key={alias.id} alias={alias} isOperator={isOperator} />
              ))}
            </Rows>
          )
        }
      </Answered>
    </Panel>
  );
}

function AliasRow({ alias, isOperator }: { readonly alias: ModelAlias; readonly isOperator: boolean }): ReactElement {
  const remove = useAct<void, unknown>(() => openai.delete(`/model_aliases/${encodeURIComponent(alias.id)}`), {
    changes: [aliasesKey],
  });
  const isSettled = alias.source === 'setting';
  return (
    <Row
      name={
        <>
          {alias.id} <IconArrowRight size={14} aria-label="stands for" style={{ verticalAlign: '-2px' }} />{' '}
          {alias.model}
        </>
      }
      about={
        <>
          {isSettled && 'By TUNESMITH_MODEL_ALIASES; changed there. '}
          {!alias.available && (
            <Text
              component="span"
              size="xs"
              c="var(--bad)"
            >{`${alias.model} is not on this machine, so nothing answers.`}</Text>
          )}
        </>
      }
      actions={
        isOperator &&
        !isSettled && (
          <Button
            size="xs"
            variant="default"
            aria-label={`Remove ${alias.id}`}
            loading={remove.isPending}
            onClick={() => remove.mutate()}
          >
            Remove
          </Button>
        )
      }
      below={remove.isError ? <Failure error={remove.error} /> : undefined}
    />
  );
}

function NewAlias(): ReactElement {
  const [alias, setAlias] = useState('');
  const [model, setModel] = useState<string | null>(null);
  const bases = useBases();
  const add = useAct<void, unknown>(() => openai.post('/model_aliases', { body: { alias: alias.trim(), model } }), {
    changes: [aliasesKey],
    onDone: () => setAlias(''),
  });
  const problemOf = (field: string): string | undefined =>
    add.isError && fieldOf(add.error) === field ? sentenceOf(add.error) : undefined;

  function submit(event: FormEvent): void {
    event.preventDefault();
    add.mutate();
  }

  const installed = bases.data?.filter(({ status }) => status === 'installed') ?? [];
  return (
    <form onSubmit={submit} className={classes['form']}>
      <Autocomplete
        label="Name that programs ask for"
        placeholder="gpt-4o-mini"
        data={usual}
        value={alias}
        onChange={setAlias}
        error={problemOf('alias')}
      />
      <Select
        label="Model that answers"
        placeholder={installed.length === 0 ? 'No model is on this machine' : 'Choose a model'}
        data={installed.map(({ id, name }) => ({ value: id, label: name === id ? id : `${name} (${id})` }))}
        value={model}
        onChange={setModel}
        error={problemOf('model')}
      />
      <Button type="submit" variant="default" loading={add.isPending} disabled={alias.trim() === '' || model === null}>
        Add
      </Button>
      {add.isError && fieldOf(add.error) === null && <Failure error={add.error} />}
    </form>
  );
}
