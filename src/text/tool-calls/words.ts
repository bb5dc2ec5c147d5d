/**
 * Tools, calls and results in words, for models whose template has no way to say them.
 *
 * The system message describes the tools and how to call them; calls are tagged JSON, which many models have seen;
 * results come from the user in another tag. Training examples and requests go through here alike.
 */

import type { ToolCall, ToolDefinition } from '../../domain/example.ts';
import type { CallSyntax } from './syntax.ts';

export const wordsSyntax: CallSyntax = {
  opening: '<tool_call>\n',
  closing: '\n</tool_call>',
  between: '\n</tool_call>\n<tool_call>\n',
  argumentsKey: 'arguments',
  argumentsFirst: false,
  mark: '<tool_call>',
  bare: false,
  withId: false,
};

export function describeTools(tools: readonly ToolDefinition[]): string {
  return [
    'These functions can be called, each described by JSON between the tags:',
    `<tools>\n${tools.map((tool) => JSON.stringify(described(tool))).join('\n')}\n</tools>`,
    'To call one, answer with its name and its arguments as JSON between these tags, once for every call:',
    `${wordsSyntax.opening}{"name":"the name","arguments":{"the parameter":"its value"}}${wordsSyntax.closing}`,
    'What a call gives back then follows between <tool_response> tags.',
  ].join('\n');
}

/** Arguments stay the JSON text that they are, so that numbers and spaces come back as they were learnt. */
export function writeCalls(calls: readonly ToolCall[]): string {
  const written = calls.map(({ function: { name, arguments: text } }) => {
    const value = isJsonObject(text) ? text.trim() : JSON.stringify(text);
    return `{"name":${JSON.stringify(name)},"arguments":${value}}`;
  });
  return `${wordsSyntax.opening}${written.join(wordsSyntax.between!)}${wordsSyntax.closing}`;
}

export const writeResult = (content: string): string => `<tool_response>\n${content}\n</tool_response>`;

/** Whether the text is one or several results and nothing else. */
export const isResult = (text: string): boolean => /^<tool_response>\n[^]*\n<\/tool_response>$/u.test(text);

/** `strict` is between the caller and the server. */
function described({ function: { name, description, parameters } }: ToolDefinition) {
  return { name, ...(description !== undefined && { description }), ...(parameters !== undefined && { parameters }) };
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
