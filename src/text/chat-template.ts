/**
 * A model's own way to write a conversation down: the Jinja template that came with it, or ours if none did.
 *
 * A template is a program from a stranger, but a harmless one: it sees the messages and makes a text. The date
 * is the same every day, because a prompt that changes overnight is not the prompt that was trained.
 */

import { Template } from '@huggingface/jinja';
import { invalid } from '../domain/errors.ts';
import type { ToolDefinition } from '../domain/example.ts';
import type { GgufMetadata } from '../formats/gguf-metadata.ts';
import {
  abilitiesOf,
  type Conversation,
  type TemplateAbilities,
  type TemplateMessage,
  withoutTools,
} from './template-messages.ts';
import { type CallSyntax, readSyntax } from './tool-calls/syntax.ts';
import { wordsSyntax } from './tool-calls/words.ts';
import { broken, type Vocabulary } from './vocabulary.ts';

/** ChatML, for models that have its tokens but brought no template. */
const chatMl =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/**
 * For models that know no turns at all: a written dialogue in which every answer ends with the EOS token. Who speaks
 * stands on a line of its own, so that an answer begins with its first letter and not with a space.
 */
const dialogue =
  "{% for message in messages %}{{ message.role | capitalize + ':\\n' + message.content }}" +
  "{% if message.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'Assistant:\\n' }}{% endif %}";

const today = { long: '26 Jul 2024', iso: '2024-07-26' };
const fixedDate =
  "{%- macro strftime_now(format) -%}{%- if format == '%Y-%m-%d' -%}" +
  `${today.iso}{%- else -%}${today.long}{%- endif -%}{%- endmacro -%}`;

export class ChatTemplate {
  /** The Jinja source; an exported model should carry it. */
  readonly source: string;
  readonly abilities: TemplateAbilities;
  /** How this model writes function calls down. */
  readonly callSyntax: CallSyntax;
  readonly #template: Template;
  readonly #variables: Readonly<Record<string, unknown>>;

  static fromGguf(metadata: GgufMetadata, vocabulary: Vocabulary): ChatTemplate {
    const tokenText = (key: string): string => {
      const id = metadata.number(`tokenizer.ggml.${key}_token_id`, null);
      return id === null ? '' : (vocabulary.texts[id] ?? '');
    };
    const hasChatMl = vocabulary.id('<|im_start|>') !== undefined && vocabulary.id('<|im_end|>') !== undefined;
    const source = metadata.string('tokenizer.chat_template', hasChatMl ? chatMl : dialogue);
    const variables = {
      bos_token: tokenText('bos'),
      eos_token: tokenText('eos'),
      pad_token: tokenText('padding'),
      unk_token: tokenText('unknown'),
      date_string: today.long,
    };
    return new ChatTemplate(source, variables, vocabulary.textsOf('control', 'unknown'));
  }

  private constructor(source: string, variables: Readonly<Record<string, unknown>>, controls: readonly string[]) {
    this.source = source;
    this.#variables = variables;
    try {
      this.#template = new Template(source.includes('strftime_now') ? fixedDate + source : source);
    } catch (error) {
      throw broken(`has a chat template that cannot be read: ${(error as Error).message}`);
    }
    const abilities = abilitiesOf(source);
    const own = abilities.tools && abilities.toolCalls ? this.#readSyntax(controls) : null;
    this.abilities = own === null ? withoutTools(abilities) : abilities;
    this.callSyntax = own ?? wordsSyntax;
  }

  /** Null where the template's calls are not of a kind that can be read back. */
  #readSyntax(controls: readonly string[]): CallSyntax | null {
    const question = { role: 'user', content: 'Question' } as const;
    const after = (answer: Partial<TemplateMessage>, tools?: readonly ToolDefinition[]): string => {
      const prompt = this.render({ messages: [question], tools }, true);
      const said = { role: 'assistant', content: '', ...answer } as const;
      const full = this.render({ messages: [question, said], tools }, false);
      return full.startsWith(prompt) ? full.slice(prompt.length) : '';
    };
    try {
      const answer = after({ content: 'Answer' });
      const ending = answer.slice(answer.indexOf('Answer') + 'Answer'.length);
      return readSyntax((calls, tools) => after({ tool_calls: calls }, tools), ending, controls);
    } catch {
      return null; // a template with demands of its own
    }
  }

  /** The conversation as one text; with `generationPrompt` it ends where the assistant's next words begin. */
  render({ messages, tools }: Conversation, generationPrompt: boolean): string {
    try {
      return this.#template.render({
        ...this.#variables,
        messages,
        ...(tools === undefined ? {} : { tools }),
        add_generation_prompt: generationPrompt,
      });
    } catch (error) {
      throw invalid('messages', `The model's chat template refuses these messages: ${(error as Error).message}`);
    }
  }
}
