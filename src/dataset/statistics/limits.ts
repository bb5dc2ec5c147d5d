/** How long an example may be for OpenAI's models; longer ones were cut at the end and trained all the same. */

import type { OpenAIEncodingName } from '../../text/openai-encoding.ts';

export interface ModelLimit {
  readonly models: readonly string[];
  /** In which the models' tokens are counted. */
  readonly encoding: OpenAIEncodingName;
  readonly tokensMax: number;
  /** What is to be known about the figure. */
  readonly remark: string | null;
}

export const modelLimits: readonly ModelLimit[] = [
  {
    models: ['gpt-4.1', 'gpt-4.1-mini', 'gpt-4.1-nano', 'gpt-4o', 'gpt-4o-mini'],
    encoding: 'o200k_base',
    tokensMax: 65_536,
    remark: null,
  },
  {
    models: ['gpt-3.5-turbo-0125', 'gpt-3.5-turbo-1106'],
    encoding: 'cl100k_base',
    tokensMax: 16_385,
    remark: null,
  },
  { models: ['gpt-3.5-turbo-0613'], encoding: 'cl100k_base', tokensMax: 4096, remark: null },
  {
    models: ['babbage-002', 'davinci-002'],
    encoding: 'cl100k_base',
    tokensMax: 16_384,
    remark: 'taken from the context length; never published for training',
  },
  {
    models: ['ada', 'babbage', 'curie', 'davinci'],
    encoding: 'cl100k_base',
    tokensMax: 2048,
    remark: 'GPT-3; counted in the encoding of its successors',
  },
];
