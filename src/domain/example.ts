/**
 * One line of a training file, after it was parsed.
 *
 * Four formats, all OpenAI's. Chat: every assistant message is a target unless its `weight` is 0, everything else is
 * context. Completion: bare text, the completion is the target. Preference: two answers to one conversation, the
 * better first. Reinforcement: a conversation that ends with the user, and whatever its grader wants to know.
 */

export type Role = 'system' | 'developer' | 'user' | 'assistant' | 'tool' | 'function';

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

export interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

export interface Message {
  readonly role: Role;
  readonly content?: string | readonly TextPart[] | null;
  readonly name?: string;
  readonly refusal?: string | null;
  readonly tool_calls?: readonly ToolCall[];
  readonly tool_call_id?: string;
  readonly function_call?: { readonly name: string; readonly arguments: string };
  /** Only on assistant messages: 0 keeps the message as context and takes it out of the loss. */
  readonly weight?: 0 | 1;
}

export interface ToolDefinition {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters?: Record<string, unknown>;
    readonly strict?: boolean | null;
  };
}

export interface ChatExample {
  readonly messages: readonly Message[];
  readonly tools?: readonly ToolDefinition[];
  readonly parallel_tool_calls?: boolean;
}

export interface CompletionExample {
  readonly prompt: string;
  readonly completion: string;
}

export interface PreferenceExample {
  readonly input: ChatExample;
  readonly preferred_output: readonly Message[];
  readonly non_preferred_output: readonly Message[];
}

/** Beside its messages, any other keys: the `item` of its grader. */
export interface ReinforcementExample extends ChatExample {
  readonly [key: string]: unknown;
}

export type ExampleFormat = 'chat' | 'completion' | 'preference' | 'reinforcement';

/** An example with its format, which all lines of a file share. */
export type AnyExample =
  | { readonly format: 'chat'; readonly example: ChatExample }
  | { readonly format: 'completion'; readonly example: CompletionExample }
  | { readonly format: 'preference'; readonly example: PreferenceExample }
  | { readonly format: 'reinforcement'; readonly example: ReinforcementExample };

/**
 * Token ids of one training sequence with its loss mask: `mask[i]` is 1 where token i is a target,
 * that is where the model's answer at position i-1 is judged. `line` is 1-based in the file it came from.
 */
export interface EncodedExample {
  readonly line: number;
  readonly ids: Int32Array;
  readonly mask: Uint8Array;
  /** Instead of the mask, for models that judge tokens themselves and not what follows them. */
  readonly judged?: JudgedTokens;
}

/** Tokens of a sequence and what is right for each; or one token, with a 0 or 1 for each of several labels. */
export interface JudgedTokens {
  readonly positions: Int32Array;
  readonly targets: Int32Array;
}
