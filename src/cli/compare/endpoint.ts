/** A model behind any OpenAI-compatible address, as the command line names it. */

import { UsageError } from '../outcome.ts';

export interface Endpoint {
  readonly model: string;
  readonly url: string;
  /** The environment variable that holds the key; keys have no place on command lines. */
  readonly key: string | null;
  /** Examples in its prompts. */
  readonly shots: number;
}

const expected = 'model=NAME,url=URL[,key=VARIABLE][,shots=COUNT]';

/** `model=gpt-4.1-mini,url=https://api.openai.com/v1,key=OPENAI_API_KEY,shots=8` */
export function readEndpoint(text: string): Endpoint {
  const fields = new Map(
    text.split(',').map((field): [string, string] => {
      const at = field.indexOf('=');
      return [field.slice(0, Math.max(0, at)).trim(), field.slice(at + 1).trim()];
    }),
  );
  const unknown = [...fields.keys()].find((name) => !['model', 'url', 'key', 'shots'].includes(name));
  const [model, url, shots = '0'] = [fields.get('model'), fields.get('url'), fields.get('shots')];
  if (unknown !== undefined || !model || !url)
    throw new UsageError(`--endpoint ${text}: ${unknown === undefined ? 'model or url is missing' : `"${unknown}" is not known`}; ${expected} was expected.`); // prettier-ignore
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new UsageError(`--endpoint ${text}: "${url}" is no address; something like https://api.openai.com/v1 was expected.`); // prettier-ignore
  if (!/^\d+$/.test(shots))
    throw new UsageError(`--endpoint ${text}: shots is "${shots}"; a whole number was expected.`);
  return { model, url, key: fields.get('key') ?? null, shots: Number(shots) };
}
