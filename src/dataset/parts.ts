/** The words of an example of any format: what statistics, findings, cleaning and splitting look at. */

import type { AnyExample, Message, Role } from '../domain/example.ts';

export interface Text {
  readonly role: Role;
  readonly text: string;
}

export interface Parts {
  /** What the system or the developer said first; null where neither did. */
  readonly system: string | null;
  /** Everything the answer answers, without the system's words. */
  readonly prompt: string;
  /** What is learnt; of a preference the better answer, of a reinforcement row nothing. */
  readonly answer: string;
  /** Every message in its order, an answer that is not preferred last. */
  readonly texts: readonly Text[];
}

export function partsOf(any: AnyExample): Parts {
  switch (any.format) {
    case 'completion': {
      const { prompt, completion } = any.example;
      const asked: readonly Text[] = prompt === '' ? [] : [{ role: 'user', text: prompt }];
      return { system: null, prompt, answer: completion, texts: [...asked, { role: 'assistant', text: completion }] };
    }
    case 'preference': {
      const { input, preferred_output: better, non_preferred_output: worse } = any.example;
      return { ...split(input.messages, better), texts: textsOf([...input.messages, ...better, ...worse]) };
    }
    case 'reinforcement':
      return { ...split(any.example.messages, []), texts: textsOf(any.example.messages) };
    default: {
      const { messages } = any.example;
      const last = messages.findLastIndex(({ role, weight }) => role === 'assistant' && weight !== 0);
      return { ...split(messages.slice(0, last), messages.slice(last, last + 1)), texts: textsOf(messages) };
    }
  }
}

/** A message's words: its text, or what it calls, or its refusal. */
export function textOf({ content, refusal, tool_calls: calls, function_call: call }: Message): string {
  const said = typeof content === 'string' ? content : (content?.map(({ text }) => text).join('') ?? '');
  const called = [...(calls ?? []).map((each) => each.function), ...(call ? [call] : [])];
  const written = called.map(({ name, arguments: text }) => `${name}(${text})`);
  return [said === '' ? (refusal ?? '') : said, ...written].filter((part) => part !== '').join('\n');
}

const textsOf = (messages: readonly Message[]): readonly Text[] =>
  messages.map((message) => ({ role: message.role, text: textOf(message) }));

const isSystem = ({ role }: Message): boolean => role === 'system' || role === 'developer';

const joined = (messages: readonly Message[]): string => messages.map(textOf).join('\n\n');

function split(context: readonly Message[], answer: readonly Message[]): Pick<Parts, 'system' | 'prompt' | 'answer'> {
  const system = context.filter(isSystem);
  return {
    system: system.length === 0 ? null : joined(system),
    prompt: joined(context.filter((message) => !isSystem(message))),
    answer: joined(answer),
  };
}
