/**
 * What a model says, in the words of the API: text, function calls, ends and costs.
 *
 * Chat completions and responses are two spellings of this. Here a name becomes a model, tools and formats become
 * what the runtime is held to, and calls are found in the answer's text; nothing of HTTP is known.
 */

import type { Access } from '../access/keyring.ts';
import { invalid, notFound } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import type { House } from '../house.ts';
import type { ServedModel } from '../models/registry.ts';
import { isEncoder } from '../serving/encoder-text.ts';
import type {
  CompletionEvent,
  CompletionRequest,
  Constraint,
  Priority,
  TokenAlternatives,
} from '../serving/serving.ts';
import { callGrammar, type CallRules } from '../text/tool-calls/grammar.ts';
import { CallReader, type Reading } from '../text/tool-calls/reader.ts';
import type { CallSyntax } from '../text/tool-calls/syntax.ts';
import { type AnswerFormat, constraintOf } from './answer-format.ts';
import { counted } from './rate-limit.ts';
import type { ToolUse } from './tool-use.ts';

export interface ReplyRequest {
  /** The model's name as it was asked for. */
  readonly model: string;
  readonly completion: Omit<CompletionRequest, 'model' | 'tools' | 'constraint' | 'labels' | 'priority'>;
  readonly tools: ToolUse | null;
  readonly format: AnswerFormat;
  /** Answers to choose from; true are those that the model was taught, "auto" the same where there are any. */
  readonly labels?: boolean | 'auto' | readonly string[];
}

/** Choices come one after another; a call's arguments follow it in fragments. */
export type ReplyEvent =
  | Extract<CompletionEvent, { type: 'text' | 'usage' }>
  | { readonly type: 'call'; readonly choice: number; readonly id: string; readonly name: string }
  | { readonly type: 'arguments'; readonly choice: number; readonly text: string }
  | { readonly type: 'end'; readonly choice: number; readonly reason: 'stop' | 'length' | 'tool_calls' };

export interface Reply {
  readonly model: ServedModel;
  readonly fingerprint: string;
  readonly events: AsyncGenerator<ReplyEvent, void>;
}

/** Whose request it is, and how urgent. */
export interface Asker {
  readonly access: Access;
  readonly signal: AbortSignal;
  readonly priority: Priority;
  /** The model itself, where its name is not known yet. */
  readonly served?: ServedModel | null;
}

/** Throws for a model that is not there; what else is wrong shows at the first event. */
export async function replyTo(house: House, request: ReplyRequest, asker: Asker): Promise<Reply> {
  const { serving } = house;
  const model = asker.served ?? (await house.of(asker.access.project).models.resolve(request.model));
  if (model === null) throw unknownModel(request.model);
  const { tools } = request;
  const syntax = tools === null ? null : await serving.callSyntax(model);
  const completion: CompletionRequest = {
    ...request.completion,
    model,
    ...(tools !== null && { tools: tools.tools }),
    stops: [...request.completion.stops, ...stopsOf(tools, syntax)],
    constraint: constraint(request, syntax, model),
    labels: labelsFor(request, model),
    priority: asker.priority,
  };
  const events = counted(house, asker.access, model.id, serving.complete(completion, asker.signal));
  return {
    model,
    fingerprint: serving.fingerprint(model),
    events: tools === null ? events : readCalls(events, tools, syntax!),
  };
}

/** An encoder knows no other answers anyway. */
function labelsFor({ labels = false, tools, format }: ReplyRequest, model: ServedModel): readonly string[] | null {
  if (labels === false) return null;
  const known = model.labels ?? null;
  if (labels === 'auto') return tools === null && format.type === 'text' && !isEncoder(model.base) ? known : null;
  if (isEncoder(model.base)) {
    if (labels === true) return null;
    throw invalid(
      'labels',
      `The model '${model.id}' answers with the labels that it was taught; it can learn no others from 'labels'.`,
    );
  }
  if (labels !== true) return labels;
  if (known !== null) return known;
  throw invalid(
    'labels',
    `The model '${model.id}' was not taught a closed set of answers. Expected 'labels' to be a list of them.`,
  );
}

export const unknownModel = (name: string) =>
  notFound(null, `The model \`${name}\` does not exist or you do not have access to it.`, 'model_not_found');

/** Strict functions, functions that must be called, and formats are promises; anything else is up to the model. */
function constraint(
  { tools, format }: ReplyRequest,
  syntax: CallSyntax | null,
  { adapter }: ServedModel,
): Constraint | null {
  const text = constraintOf(format, adapter !== null);
  if (tools === null || syntax === null) return text;
  const strict = tools.callable.some(({ tool }) => tool.function.strict === true);
  if (text === null && !tools.required && !strict) return null;
  const rules = { syntax, tools: tools.callable, several: tools.parallel };
  if (tools.required) return { type: 'grammar', gbnf: callGrammar({ ...rules, instead: 'nothing' }) };
  return { type: 'grammar', gbnf: callGrammar({ ...rules, instead: insteadOf(text) }) };
}

function insteadOf(text: Constraint | null): CallRules['instead'] {
  if (text === null) return 'text';
  if (text.type !== 'json_schema') return { schema: { type: 'object' }, strict: false, param: 'response_format' };
  const { schema, strict = false, param = 'response_format' } = text;
  return { schema, strict, param };
}

/** Where an answer makes one call only, nothing after its closing mark is wanted. */
function stopsOf(tools: ToolUse | null, syntax: CallSyntax | null): string[] {
  const closing = syntax?.closing.trim() ?? '';
  return tools === null || tools.parallel || syntax!.bare || closing === '' ? [] : [closing];
}

async function* readCalls(
  events: AsyncIterable<CompletionEvent>,
  tools: ToolUse,
  syntax: CallSyntax,
): AsyncGenerator<ReplyEvent, void> {
  const names = new Set(tools.callable.map(({ tool }) => tool.function.name));
  const choices = new Map<number, ChoiceCalls>();
  for await (const event of events) {
    if (event.type === 'usage') {
      yield event;
      continue;
    }
    const { choice } = event;
    let calls = choices.get(choice);
    if (calls === undefined)
      choices.set(choice, (calls = new ChoiceCalls(choice, new CallReader(syntax, names), tools)));
    yield* event.type === 'text' ? calls.read(event) : calls.end(event.reason);
  }
}

/** The calls of one choice. Log-probabilities belong to text that is shown, and wait with it. */
class ChoiceCalls {
  readonly #choice: number;
  readonly #reader: CallReader;
  readonly #parallel: boolean;
  #calls = 0;
  #logprobs: TokenAlternatives[] | null = null;

  constructor(choice: number, reader: CallReader, { parallel }: ToolUse) {
    this.#choice = choice;
    this.#reader = reader;
    this.#parallel = parallel;
  }

  read({ text, logprobs }: Extract<CompletionEvent, { type: 'text' }>): ReplyEvent[] {
    if (logprobs !== null) (this.#logprobs ??= []).push(...logprobs);
    return this.#events(this.#reader.read(text));
  }

  end(reason: 'stop' | 'length'): ReplyEvent[] {
    const events = this.#events(this.#reader.end());
    // Tokens at the end may have had no text of their own.
    if (this.#calls === 0 && (this.#logprobs?.length ?? 0) > 0)
      events.push({ type: 'text', choice: this.#choice, text: '', logprobs: this.#logprobs });
    const finished = reason === 'stop' && this.#calls > 0 ? 'tool_calls' : reason;
    return [...events, { type: 'end', choice: this.#choice, reason: finished }];
  }

  #events(readings: readonly Reading[]): ReplyEvent[] {
    const choice = this.#choice;
    return readings.flatMap((reading): ReplyEvent[] => {
      if (reading.type === 'call') {
        this.#calls += 1;
        this.#logprobs &&= [];
      }
      // Words around calls are the model thinking aloud; those after one, and calls too many, are left out.
      if (this.#calls > 1 && !this.#parallel) return [];
      if (reading.type === 'call') return [{ type: 'call', choice, id: newId('call'), name: reading.name }];
      if (reading.type === 'arguments') return [{ type: 'arguments', choice, text: reading.text }];
      if (this.#calls > 0) return [];
      const logprobs = this.#logprobs;
      this.#logprobs &&= [];
      return [{ type: 'text', choice, text: reading.text, logprobs }];
    });
  }
}
