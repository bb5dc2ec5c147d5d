/**
 * Templates in graders: `{{ item.answer }}`, `{{ sample.output_json.items[0] }}`.
 *
 * Names and nothing else: no filters, no calls, no expressions, so what a data set holds can never become code.
 * Text stands as it is, every other value as JSON. A name that leads nowhere is an error, since a grader that
 * quietly compares with nothing teaches nothing.
 */

import type { Subject } from '../domain/grader.ts';

/** `path` names nothing in this item and sample. */
export class UnknownVariable extends Error {
  readonly path: string;

  constructor(path: string, reason: string) {
    super(`The variable {{ ${path} }} ${reason}.`);
    this.path = path;
  }
}

const variable = /\{\{([^{}]*)\}\}/g;
const path = /^(item|sample)((?:\.[A-Za-z_$][\w$-]*|\[\d+\]|\[(?:"[^"]*"|'[^']*')\])*)$/;
const step = /\.([A-Za-z_$][\w$-]*)|\[(\d+)\]|\["([^"]*)"\]|\['([^']*)'\]/g;

/** The template with its names replaced; `mark` may put something around each value. */
export function render(template: string, subject: Subject, mark = (value: string): string => value): string {
  return template.replace(variable, (_, inside: string) => mark(asText(lookUp(inside.trim(), subject))));
}

/** Whether any of a template's names could never mean anything, whatever the data; says which and why. */
export function templateProblem(template: string): string | null {
  for (const [, inside] of template.matchAll(variable)) {
    const name = inside!.trim();
    if (!path.test(name))
      return `{{ ${name} }} is no variable. Expected item or sample with a path, as in {{ item.answer }} or {{ sample.output_text }}`;
  }
  return null;
}

/** The value that a path leads to, which may be null. */
export function lookUp(name: string, { item, sample }: Subject): unknown {
  const [, namespace, rest] = path.exec(name) ?? [];
  if (namespace === undefined || rest === undefined)
    throw new UnknownVariable(name, 'is neither item nor sample with a path');
  let value: unknown = namespace === 'item' ? item : sample;
  let walked = namespace;
  for (const [text, property, index, double, single] of rest.matchAll(step)) {
    const key = property ?? index ?? double ?? single!;
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key))
      throw new UnknownVariable(name, `is not there: ${walked} has no ${text.replace(/^\./, '')}`);
    value = (value as Record<string, unknown>)[key];
    walked += text;
  }
  return value;
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
