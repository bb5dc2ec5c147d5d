/** Requests answered without HTTP: what a route does after its body has come, and what batches do with each line. */

import type OpenAI from 'openai';
import type { Access } from '../access/keyring.ts';
import type { StoredMessage } from '../answers/stored-completions.ts';
import type { House } from '../house.ts';
import type { ServedModel } from '../models/registry.ts';
import type { Priority } from '../serving/serving.ts';
import { CompletionBuilder, type Header, newHeader } from './chat-completion.ts';
import type { ChatMessage } from './chat-messages.ts';
import { type ChatRequest, parseChatRequest } from './chat-request.ts';
import { type Reply, type ReplyEvent, replyTo } from './reply.ts';

/** The answer to the body of a chat completion, whole even where it asks for a stream; of `served`, where its name says nothing yet. */
export async function answerChat(
  house: House,
  access: Access,
  body: unknown,
  signal: AbortSignal,
  priority: Priority = 'interactive',
  served: ServedModel | null = null,
): Promise<OpenAI.ChatCompletion> {
  const request = parseChatRequest(body);
  const reply = await replyTo(house, request.reply, { access, signal, priority, served });
  const answer = new ChatAnswer(house, access, request, reply);
  for await (const _ of answer.events());
  return answer.completion;
}

/** One chat completion as it comes about; it is kept, where that was asked for, before its last event is told. */
export class ChatAnswer {
  readonly header: Header;
  readonly #house: House;
  readonly #access: Access;
  readonly #request: ChatRequest;
  readonly #reply: Reply;
  readonly #builder: CompletionBuilder;

  constructor(house: House, access: Access, request: ChatRequest, reply: Reply) {
    this.#house = house;
    this.#access = access;
    this.#request = request;
    this.#reply = reply;
    this.header = newHeader(reply);
    const { choices } = request.reply.completion;
    this.#builder = new CompletionBuilder(this.header, { choices, asFunctionCall: request.asFunctionCall });
  }

  get completion(): OpenAI.ChatCompletion {
    return this.#builder.completion;
  }

  /** The events of the reply as they pass. */
  async *events(): AsyncGenerator<ReplyEvent, void> {
    for await (const event of this.#reply.events) {
      this.#builder.add(event);
      if (event.type === 'usage') await this.#keep();
      yield event;
    }
  }

  async #keep(): Promise<void> {
    const { stored } = this.#request;
    if (stored === null) return;
    const { id } = this.header;
    const messages = stored.messages.map((message, i) => storedMessage(`${id}-${i}`, message));
    const { completions } = this.#house.of(this.#access.project);
    await completions.add({ ...this.completion, metadata: stored.metadata }, messages);
  }
}

/** Content in parts is kept as such, beside its text. */
function storedMessage(id: string, message: ChatMessage): StoredMessage {
  const { content, ...rest } = message;
  const parts = Array.isArray(content) ? content : null;
  const text = parts === null ? (content as string | null | undefined) : parts.map(textOf).join('');
  const textParts = parts?.map((part) => ({ type: 'text' as const, text: textOf(part) })) ?? null;
  const { tool_calls, refusal = null, ...others } = rest as Partial<OpenAI.ChatCompletionMessage> & { role: string };
  return {
    ...others,
    id,
    content: text ?? null,
    refusal,
    content_parts: textParts,
    ...(tool_calls !== undefined && { tool_calls }),
  };
}

type Part = Exclude<NonNullable<ChatMessage['content']>, string>[number];

const textOf = (part: Part): string => (part.type === 'text' ? part.text : part.refusal);
