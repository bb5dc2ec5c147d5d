/** Playground: one prompt to several models, side by side. */

import { useSearch } from '@tanstack/react-router';
import { type ReactElement, useEffect, useState } from 'react';
import { Empty } from '../../parts/empty.tsx';
import { Page } from '../../parts/page.tsx';
import { AnswerColumn } from './answer.tsx';
import { type Answer, AnswerStream, askAll } from './answers.ts';
import classes from './playground.module.css';
import { PromptForm } from './prompt-form.tsx';
import { keepPrompt, keptPrompt, type Mistakes, modelsMax, newTurn, type Prompt, requestOf } from './prompt.ts';
import { SaveExample } from './save-example.tsx';
import { SettingsForm } from './settings-form.tsx';

/** What was asked last, and what came of it; they stay while other pages are looked at. */
interface Asked {
  readonly prompt: Prompt;
  readonly streams: readonly AnswerStream[];
}
let lastAsked: Asked | null = null;

export function Playground(): ReactElement {
  const [prompt, setPrompt] = useState(keptPrompt);
  const [asked, setAsked] = useState(lastAsked);
  const [isAsking, setAsking] = useState(() => lastAsked?.streams.some((stream) => !stream.isOver) ?? false);
  const [mistakes, setMistakes] = useState<Mistakes>({});
  const [saving, setSaving] = useState<Answer | null>(null);
  const change = (news: Partial<Prompt>): void => {
    setPrompt((before) => ({ ...before, ...news }));
    setMistakes({});
  };
  useEffect(() => keepPrompt(prompt), [prompt]);
  useModelsOfAddress((models) => change({ models }));

  // Answers that were under way when one left the page may still be.
  useEffect(() => {
    if (asked === null) return undefined;
    const look = (): void => setAsking(asked.streams.some((stream) => !stream.isOver));
    const leave = asked.streams.map((stream) => stream.subscribe(look));
    look();
    return () => {
      for (const each of leave) each();
    };
  }, [asked]);

  function ask(): void {
    if (isAsking) return;
    const { body, mistakes: found } = requestOf(prompt);
    setMistakes(found);
    if (body === null) return;
    lastAsked = { prompt, streams: prompt.models.map((model) => new AnswerStream(model)) };
    setAsked(lastAsked);
    void askAll(lastAsked.streams, body, prompt.inTurn);
  }

  function goOn(answer: Answer): void {
    const said = { ...newTurn('assistant'), text: answer.text };
    const kept = asked!.prompt.turns.filter(({ text }) => text.trim() !== '');
    change({ turns: [...kept, said, newTurn('user')] });
  }

  const over = asked?.streams.filter((stream) => stream.isOver).length ?? 0;
  return (
    <Page
      title="Playground"
      about="Ask one or several models the same thing, and see what they say side by side. What turns out well, or was put right, becomes a training example."
    >
      <div className={classes['layout']}>
        <div className={classes['prompt']}>
          <PromptForm
            prompt={prompt}
            onChange={change}
            mistakes={mistakes}
            isAsking={isAsking}
            onAsk={ask}
            onStop={() => asked?.streams.forEach((stream) => stream.stop())}
          />
        </div>
        <section className={classes['answers']} aria-label="Answers">
          <div role="status" className="spoken-only">
            {asked !== null &&
              (isAsking ? 'The models are answering.' : `${over} of ${asked.streams.length} have ended.`)}
          </div>
          {asked === null ? (
            <div className="panel">
              <Empty title="Nothing asked yet">
                The answers stand here, each with the time to its first word, its tokens, and how sure the model was of
                every one of them.
              </Empty>
            </div>
          ) : (
            asked.streams.map((stream) => (
              <AnswerColumn key={stream.model} stream={stream} onSave={setSaving} onGoOn={goOn} />
            ))
          )}
        </section>
        <div className={classes['settings']}>
          <SettingsForm prompt={prompt} onChange={change} mistakes={mistakes} />
        </div>
      </div>
      {saving !== null && <SaveExample prompt={asked!.prompt} answer={saving} onClose={() => setSaving(null)} />}
    </Page>
  );
}

/** Other pages lead here with a model, or with some. */
function useModelsOfAddress(take: (models: readonly string[]) => void): void {
  const { model, models } = useSearch({ strict: false }) as Readonly<Record<string, unknown>>;
  const named = [model, ...(Array.isArray(models) ? models : [models])].filter((each) => typeof each === 'string');
  const key = named.join('\n');
  useEffect(() => {
    if (key !== '') take([...new Set(key.split('\n'))].slice(0, modelsMax));
  }, [key]);
}
