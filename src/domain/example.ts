/**
 * One line of a training file, after it was parsed.
 *
 * Chat lines are OpenAI's: every assistant message is a target unless its `weight` is 0, everything else
 * is context. The other formats (prompt/completion, preference, reinforcement) get their own types here
 * when their recipes arrive.
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

/**
 * Token ids of one training sequence with its loss mask: `mask[i]` is 1 where token i is a target,
 * that is where the model's answer at position i-1 is judged. `line` is 1-based in the file it came from.
 */
export interface EncodedExample {
  readonly line: number;
  readonly ids: Int32Array;
  readonly mask: Uint8Array;
}
