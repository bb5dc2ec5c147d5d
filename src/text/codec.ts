/**
 * Conversations to token ids: the one path that training, counting and serving share.
 *
 * A prompt is the rendered conversation up to where the assistant speaks. A training example is nothing but
 * prompts with their answers: for every assistant message, the prompt that serving would send at that point,
 * then what the model should have said, up to and with its end-of-turn token. So what is trained is, id for
 * id, what will be asked.
 *
 *   ids    <prompt of turn 1> <answer 1> <the rest of the prompt of turn 2> <answer 2>
 *   mask    0 0 0 0 0 0 0 0    1 1 1 1    0 0 0 0 0 0 0 0 0 0 0 0 0 0 0     1 1 1 1
 *
 * Turns share a sequence as long as each prompt begins with the ids of the turns before it. Where a template
 * rewrites history (Qwen 3 drops earlier thoughts), a new sequence begins.
 */

import { invalid } from '../domain/errors.ts';
import type { ChatExample, EncodedExample, Message, ToolDefinition } from '../domain/example.ts';
import type { GgufMetadata } from '../formats/gguf-metadata.ts';
import { ChatTemplate } from './chat-template.ts';
import { ContentShield, type ContentGuard } from './content-shield.ts';
import { toConversation, type Conversation } from './template-messages.ts';
import { Tokenizer } from './tokenizer.ts';
import type { Vocabulary } from './vocabulary.ts';

export interface PromptOptions {
  readonly tools?: readonly ToolDefinition[];
}

/** The ids of a sequence so far and its answers' places, end exclusive. */
interface Sequence {
  readonly ids: readonly number[];
  readonly answers: readonly (readonly [start: number, end: number])[];
}

export class TextCodec {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  /** Tokens with which the model says that it has finished speaking. */
  readonly endOfTurnIds: ReadonlySet<number>;
  readonly #shield: ContentShield;
  readonly #gapIds: GapIds | null;

  static fromGguf(metadata: GgufMetadata): TextCodec {
    return new TextCodec(metadata);
  }

  private constructor(metadata: GgufMetadata) {
    this.tokenizer = Tokenizer.fromGguf(metadata);
    const { vocabulary } = this.tokenizer;
    this.template = ChatTemplate.fromGguf(metadata, vocabulary);
    const special = vocabulary.textsOf('control', 'unknown');
    const taken = this.template.source + vocabulary.textsOf('control', 'unknown', 'userDefined').join(' ');
    this.#shield = new ContentShield(special, taken);
    this.endOfTurnIds = this.#findEndOfTurn(metadata);
    this.#gapIds = findGapIds(metadata, vocabulary);
  }

  /** What the model is given so that it answers next. */
  encodePrompt(messages: readonly Message[], options: PromptOptions = {}): Int32Array {
    const conversation = this.#conversation(messages, options.tools);
    const guard = this.#shield.over(conversation);
    return new Int32Array(this.#promptIds(this.#render(conversation, guard, true), guard));
  }

  /** Bare text that the model continues; of no text at all, the token that documents begin with. */
  encodeText(text: string): Int32Array {
    const { bosId, addBos } = this.tokenizer;
    const ids = text === documentStart ? [] : this.tokenizer.encode(text);
    if (addBos && bosId !== null) ids.unshift(bosId);
    const start = this.tokenizer.vocabulary.id(documentStart) ?? bosId ?? this.tokenizer.eosId;
    return Int32Array.from(ids.length === 0 && start !== null ? [start] : ids);
  }

  /** Text that goes on after other text. */
  encodeRest(text: string): readonly number[] {
    return this.tokenizer.encode(text, { start: false });
  }

  /** The token that ends a text; null when there is none. */
  get endId(): number | null {
    return this.tokenizer.vocabulary.id(documentStart) ?? this.tokenizer.eosId;
  }

  /** Text with a gap between `before` and `after`, for the model to fill; null when it has no tokens for that. */
  encodeGap(before: string, after: string): Int32Array | null {
    if (this.#gapIds === null) return null;
    const { prefix, suffix, middle } = this.#gapIds;
    const { bosId, addBos } = this.tokenizer;
    const plain = (text: string): number[] => this.tokenizer.encode(text, { start: false });
    const start = addBos && bosId !== null ? [bosId] : [];
    return Int32Array.from([...start, prefix, ...plain(before), suffix, ...plain(after), middle]);
  }

  /** What the model would have to say for an answer, up to and with its end-of-turn token. */
  answerIds(answer: string): number[] {
    const messages = [
      { role: 'user', content: 'Which one?' } as const,
      { role: 'assistant', content: answer } as const,
    ];
    const [sequence] = this.encodeExample({ messages }, 0);
    return Array.from(sequence!.ids).filter((_, i) => sequence!.mask[i] === 1);
  }

  /** The sequences that teach every assistant message whose weight is not 0; mostly one, none if there is no such message. */
  encodeExample({ messages, tools }: ChatExample, line: number): EncodedExample[] {
    const guard = this.#shield.over(this.#conversation(messages, tools));
    const sequences: Sequence[] = [];
    for (const [index, message] of messages.entries()) {
      if (message.role !== 'assistant' || message.weight === 0) continue;
      const before = this.#conversation(messages.slice(0, index), tools);
      const after = this.#conversation(messages.slice(0, index + 1), tools);
      const full = this.#render(after, guard, false);
      const prompt = this.#renderBefore(full, before, guard);
      const answer = answerOf(prompt, full, index);
      const ids = this.#promptIds(prompt, guard);
      const start = ids.length;
      for (const id of this.#answerIds(answer, guard)) ids.push(id);
      const span = [start, ids.length] as const;
      const last = sequences.at(-1);
      if (last?.ids.every((id, i) => id === ids[i]) === true) {
        sequences[sequences.length - 1] = { ids, answers: [...last.answers, span] };
      } else sequences.push({ ids, answers: [span] });
    }
    return sequences.map(({ ids, answers }) => {
      const mask = new Uint8Array(ids.length);
      for (const [start, end] of answers) mask.fill(1, start, end);
      return { line, ids: new Int32Array(ids), mask };
    });
  }

  #conversation(messages: readonly Message[], tools: readonly ToolDefinition[] | undefined): Conversation {
    return toConversation(messages, tools, this.template.abilities);
  }

  #render(conversation: Conversation, guard: ContentGuard, generationPrompt: boolean): string {
    return guard.render(conversation, (guarded) => this.template.render(guarded, generationPrompt));
  }

  /** What a text that is known to be safe begins with is safe too, and needs no proof of its own. */
  #renderBefore(full: string, conversation: Conversation, guard: ContentGuard): string {
    const prompt = guard.renderBeginning(conversation, (guarded) => this.template.render(guarded, true));
    return full.startsWith(prompt) ? prompt : this.#render(conversation, guard, true);
  }

  /** Templates that write the BOS token themselves must not get a second one. */
  #promptIds(prompt: string, guard: ContentGuard): number[] {
    const { bosId, addBos } = this.tokenizer;
    const ids = this.tokenizer.encode(prompt, { special: true, restore: guard.restore.bind(guard) });
    if (addBos && bosId !== null && ids[0] !== bosId) ids.unshift(bosId);
    return ids;
  }

  /**
   * The ids of an answer, up to its first end-of-turn token: what a template writes after that is never
   * generated, so it is not learnt. A template without such a token gets EOS, or the model would never stop.
   */
  #answerIds(answer: string, guard: ContentGuard): number[] {
    const options = { special: true, start: false, restore: guard.restore.bind(guard) };
    const ids = this.tokenizer.encode(answer, options);
    const end = ids.findIndex((id) => this.endOfTurnIds.has(id));
    if (end >= 0) return ids.slice(0, end + 1);
    const bare = this.tokenizer.encode(answer.trimEnd(), options);
    if (this.tokenizer.eosId !== null) bare.push(this.tokenizer.eosId);
    return bare;
  }

  /** What the file names, what has the usual names, and what the template writes after an answer. */
  #findEndOfTurn(metadata: GgufMetadata): Set<number> {
    const { vocabulary } = this.tokenizer;
    const ends = new Set<number>();
    for (const key of ['eos', 'eot', 'eom']) {
      const id = metadata.number(`tokenizer.ggml.${key}_token_id`, null);
      if (id !== null && id < vocabulary.size) ends.add(id);
    }
    for (const name of usualEnds) {
      const id = vocabulary.id(name);
      if (id !== undefined && this.tokenizer.isControl(id)) ends.add(id);
    }
    const written = this.#writtenAfterAnswer();
    if (written !== undefined) ends.add(written);
    return ends;
  }

  #writtenAfterAnswer(): number | undefined {
    const messages = [
      { role: 'user', content: 'Question' },
      { role: 'assistant', content: probe },
    ] as const;
    try {
      const text = this.template.render({ messages, tools: undefined }, false);
      const after = text.slice(text.lastIndexOf(probe) + probe.length);
      return this.tokenizer.encode(after, { special: true }).find((id) => this.tokenizer.isControl(id));
    } catch {
      return undefined; // a template with demands of its own; the names above have to do
    }
  }
}

/** What OpenAI's completions begin with when nothing is given. */
const documentStart = '<|endoftext|>';

/** Tokens around the parts of a text with a gap. */
interface GapIds {
  readonly prefix: number;
  readonly suffix: number;
  readonly middle: number;
}

/** As the file names them, or by the names that code models use. */
function findGapIds(metadata: GgufMetadata, vocabulary: Vocabulary): GapIds | null {
  const find = (key: string, ...names: readonly string[]): number | null => {
    const id = metadata.number(`tokenizer.ggml.${key}_token_id`, null);
    if (id !== null && id < vocabulary.size) return id;
    return names.map((name) => vocabulary.id(name)).find((found) => found !== undefined) ?? null;
  };
  const prefix = find('fim_pre', '<|fim_prefix|>', '<fim_prefix>', '<PRE>', '▁<PRE>');
  const suffix = find('fim_suf', '<|fim_suffix|>', '<fim_suffix>', '<SUF>', '▁<SUF>');
  const middle = find('fim_mid', '<|fim_middle|>', '<fim_middle>', '<MID>', '▁<MID>');
  return prefix === null || suffix === null || middle === null ? null : { prefix, suffix, middle };
}

const probe = 'Answer';
const usualEnds = [
  '<|im_end|>',
  '<|endoftext|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end_of_text|>',
  '<end_of_turn>',
  '</s>',
];

/** What follows the prompt in the text that has the answer. Some templates trim the white space in between. */
function answerOf(prompt: string, full: string, index: number): string {
  if (full.startsWith(prompt)) return full.slice(prompt.length);
  let common = 0;
  while (prompt[common] === full[common]) common++;
  const lost = prompt.slice(common);
  if (lost.trim() === '') return full.slice(common);
  const found = `its prompt ends in ${JSON.stringify(lost.slice(0, 40))}, which the conversation does not contain`;
  throw invalid('messages', `Message ${index + 1} cannot be trained with the model's chat template: ${found}.`);
}
