/** A response as OpenAI sends it, its items and the events of its stream. */

import type OpenAI from 'openai';

type Official = OpenAI.Responses.Response;

/** SDKs make `output_text` themselves; the wire has no such field. */
export interface Response extends Omit<Official, 'output_text' | 'output' | 'status' | 'user'> {
  status: NonNullable<Official['status']>;
  output: OutputItem[];
  user?: string;
  background: boolean;
  store: boolean;
  completed_at: number | null;
  prompt_cache_key: string | null;
  safety_identifier: string | null;
  max_tool_calls: number | null;
}

export type OutputItem =
  OpenAI.Responses.ResponseOutputMessage | (OpenAI.Responses.ResponseFunctionToolCall & { id: string });

/** What a response was given: each item has an id by which it is found again. */
export type Item = (
  | OpenAI.Responses.ResponseInputMessageItem
  | OutputItem
  | OpenAI.Responses.ResponseFunctionToolCallOutputItem
  | OpenAI.Responses.ResponseReasoningItem
) & { readonly id: string };

/** An event carries the response as of that moment. */
export type ResponseEvent =
  | {
      readonly type: LifeEvent;
      readonly sequence_number: number;
      readonly response: Response;
    }
  | Exclude<OpenAI.Responses.ResponseStreamEvent, { readonly response: unknown }>;

export type LifeEvent =
  | 'response.created'
  | 'response.queued'
  | 'response.in_progress'
  | 'response.completed'
  | 'response.incomplete'
  | 'response.failed';

const ends: readonly string[] = ['response.completed', 'response.incomplete', 'response.failed'];

/** Whether it is the last event of a response. */
export const endsResponse = ({ type }: ResponseEvent): boolean => ends.includes(type);

export const isUnfinished = ({ status }: Response): boolean => status === 'queued' || status === 'in_progress';

export const serverDied = {
  code: 'server_error',
  message: 'The server stopped before this response was complete. Ask again.',
} as const;
