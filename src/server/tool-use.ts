/**
 * Which functions an answer may call, and whether it must: the same for chat completions, their deprecated twins
 * `functions` and `function_call`, and responses, whose fields only look different.
 */

import { z } from 'zod';
import { invalid, type TunesmithError } from '../domain/errors.ts';
import type { ToolDefinition } from '../domain/example.ts';
import type { CallableTool } from '../text/tool-calls/grammar.ts';
import { optional } from './validation.ts';

export const functionName = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-zA-Z0-9_-]+$/);

export const functionFields = {
  name: functionName,
  description: optional(z.string()),
  parameters: optional(z.record(z.string(), z.unknown())),
};

export interface ToolUse {
  /** What the model is told of. */
  readonly tools: readonly ToolDefinition[];
  /** Those it may call, or must where `required`. */
  readonly callable: readonly CallableTool[];
  readonly required: boolean;
  /** Whether an answer may make more than one call. */
  readonly parallel: boolean;
}

/** What a caller chose, whichever field said so. */
export type ToolChoice =
  | { readonly type: 'none' | 'auto' | 'required' }
  | { readonly type: 'named'; readonly name: string }
  | { readonly type: 'allowed'; readonly mode: 'auto' | 'required'; readonly names: readonly string[] };

export interface ToolFields {
  /** The fields that hold the tools and the choice, for complaints about them. */
  readonly param: 'tools' | 'functions';
  readonly choiceParam: 'tool_choice' | 'function_call';
  readonly tools: readonly CallableTool[];
  readonly choice: ToolChoice | null;
  readonly parallel: boolean;
}

/** Null where no function can be called, and the model is told of none. */
export function toolUse({ param, choiceParam, tools, choice, parallel }: ToolFields): ToolUse | null {
  if (tools.length === 0) {
    if (choice === null || choice.type === 'none') return null;
    throw invalid(choiceParam, `'${choiceParam}' is only allowed when '${param}' are specified.`);
  }
  checkNames(tools);
  const find = (name: string): CallableTool => {
    const found = tools.find(({ tool }) => tool.function.name === name);
    if (found === undefined) throw notThere(choiceParam, name, param);
    return found;
  };
  const use = (callable: readonly CallableTool[], required: boolean, told = tools): ToolUse => {
    return { tools: told.map(({ tool }) => tool), callable, required, parallel };
  };
  switch (choice?.type) {
    case 'none':
      return null;
    case 'named':
      return { ...use([find(choice.name)], true), parallel: false };
    case 'allowed': {
      const allowed = choice.names.map(find);
      if (allowed.length === 0) throw invalid(choiceParam, `Invalid '${choiceParam}': it allows no function at all.`);
      return use(allowed, choice.mode === 'required', allowed);
    }
    default:
      return use(tools, choice?.type === 'required');
  }
}

function checkNames(tools: readonly CallableTool[]): void {
  const seen = new Set<string>();
  for (const { tool, param } of tools) {
    const { name } = tool.function;
    if (seen.has(name))
      throw invalid(param, `Invalid '${param}': there are two functions named '${name}'.`, 'invalid_value');
    seen.add(name);
  }
}

function notThere(choiceParam: string, name: string, param: string): TunesmithError {
  return invalid(choiceParam, `Tool choice '${name}' not found in '${param}' parameter.`, 'invalid_value');
}
