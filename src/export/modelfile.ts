/**
 * What Ollama needs beside a GGUF: a Modelfile with the chat template in Ollama's own language, and the stops.
 *
 * Templates in GGUFs are Jinja, Ollama's are Go's. What a Jinja template puts before and after each role's words is
 * found by rendering it, written down, and held against the original on whole conversations; a template that does more
 * than that is left to Ollama, which knows many by their Jinja source, and the Modelfile says so.
 */

import type { TextCodec } from '../text/codec.ts';
import type { Conversation, TemplateMessage } from '../text/template-messages.ts';

export interface ModelfileParts {
  /** Files beside the Modelfile. */
  readonly model: string;
  readonly adapter: string | null;
  readonly licence: string;
  readonly contextTokens: number;
}

export function modelfile(codec: TextCodec, { model, adapter, licence, contextTokens }: ModelfileParts): string {
  const turns = findTurns(codec);
  const stops = [...codec.endOfTurnIds].map((id) => codec.tokenizer.vocabulary.texts[id]!);
  const lines = [`FROM ./${model}`];
  if (adapter !== null) lines.push(`ADAPTER ./${adapter}`);
  if (turns === null)
    lines.push('# The chat template of the GGUF has no equal in a few words of Go; Ollama recognises it by itself.');
  else {
    lines.push(`TEMPLATE """${goTemplate(turns, codec)}"""`);
    if (turns.systemByDefault !== null) lines.push(`SYSTEM """${turns.systemByDefault}"""`);
  }
  lines.push(...stops.map((stop) => `PARAMETER stop ${JSON.stringify(stop)}`));
  lines.push(`PARAMETER num_ctx ${contextTokens}`, `LICENSE ${JSON.stringify(licence)}`);
  return `${lines.join('\n')}\n`;
}

type Role = 'system' | 'user' | 'assistant';
const roles: readonly Role[] = ['system', 'user', 'assistant'];

interface Around {
  readonly before: string;
  readonly after: string;
}

interface Turns extends Readonly<Record<Role, Around>> {
  /** Before everything: the BOS token where the template writes it. */
  readonly start: string;
  readonly generation: string;
  readonly systemByDefault: string | null;
}

const words: Readonly<Record<Role, string>> = { system: 'Sentinel-S', user: 'Sentinel-U', assistant: 'Sentinel-A' };

/** What the template writes around the words of each role; null when that is not all it does. */
function findTurns(codec: TextCodec): Turns | null {
  try {
    const turns = guessTurns(codec);
    const writable = [
      turns.start,
      turns.generation,
      turns.systemByDefault ?? '',
      ...roles.flatMap((role) => Object.values(turns[role]) as string[]),
    ];
    if (writable.some((text) => text.includes('{{') || text.includes('}}') || text.includes('"""'))) return null;
    const holds = conversations.every((roles) => {
      const messages = roles.map((role, i): TemplateMessage => ({ role, content: `Words ${i} of ${role}` }));
      return write(turns, messages) === render(codec, messages, true);
    });
    return holds ? turns : null;
  } catch {
    return null; // the template refuses one of the conversations
  }
}

const conversations: readonly (readonly Role[])[] = [
  ['user'],
  ['system', 'user'],
  ['user', 'assistant', 'user'],
  ['system', 'user', 'assistant', 'user', 'assistant', 'user'],
];

function render(codec: TextCodec, messages: readonly TemplateMessage[], generation: boolean): string {
  const conversation: Conversation = { messages, tools: undefined };
  return codec.template.render(conversation, generation);
}

function guessTurns(codec: TextCodec): Turns {
  const said = (...roles: readonly Role[]): TemplateMessage[] => roles.map((role) => ({ role, content: words[role] }));
  const bosId = codec.tokenizer.bosId;
  const bos = bosId === null ? '' : codec.tokenizer.vocabulary.texts[bosId]!;
  const alone = render(codec, said('system'), false);
  // ChatML's BOS is also what a turn begins with; then it is the turn's.
  const start =
    bos !== '' &&
    alone.startsWith(bos) &&
    !render(codec, said('user', 'assistant'), false).split(words.user)[1]!.includes(bos)
      ? bos
      : '';
  const cut = (text: string): string => text.slice(start.length);
  const [systemBefore, systemAfter] = parted(cut(alone), words.system);
  const both = render(codec, said('system', 'user'), false);
  const [head, userAfter] = parted(cut(both), words.user);
  const userBefore = parted(head, words.system)[1].slice(systemAfter.length);
  const [answerHead, assistantAfter] = parted(
    cut(render(codec, said('system', 'user', 'assistant'), false)),
    words.assistant,
  );
  const assistantBefore = parted(answerHead, words.user)[1].slice(userAfter.length);
  const generation = render(codec, said('system', 'user'), true).slice(both.length);
  const prelude = parted(cut(render(codec, said('user'), false)), words.user)[0].slice(
    0,
    -userBefore.length || undefined,
  );
  const systemByDefault =
    prelude === '' ? null : prelude.slice(systemBefore.length, prelude.length - systemAfter.length);
  return {
    start,
    generation,
    systemByDefault,
    system: { before: systemBefore, after: systemAfter },
    user: { before: userBefore, after: userAfter },
    assistant: { before: assistantBefore, after: assistantAfter },
  };
}

function parted(text: string, word: string): [before: string, after: string] {
  const at = text.indexOf(word);
  if (at < 0) throw new Error(`the template drops ${word}`);
  return [text.slice(0, at), text.slice(at + word.length)];
}

/** What Ollama will make of the Go template. */
function write(turns: Turns, messages: readonly TemplateMessage[]): string {
  const { systemByDefault } = turns;
  const all: readonly TemplateMessage[] =
    systemByDefault === null || messages[0]?.role === 'system'
      ? messages
      : [{ role: 'system', content: systemByDefault }, ...messages];
  const texts = all.map(({ role, content }) => {
    const { before, after } = turns[role as Role];
    return before + content + after;
  });
  return turns.start + texts.join('') + turns.generation;
}

/** llama.cpp puts the BOS token in front by itself where the model asks for one. */
function goTemplate(turns: Turns, { tokenizer }: TextCodec): string {
  const branches = roles.map((role, i) => {
    const { before, after } = turns[role];
    return `{{ ${i === 0 ? '' : 'else '}if eq .Role "${role}" }}${before}{{ .Content }}${after}`;
  });
  const start = tokenizer.addBos ? '' : turns.start;
  return `${start}{{ range .Messages }}${branches.join('')}{{ end }}{{ end }}${turns.generation}`;
}
