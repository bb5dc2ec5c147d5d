/** `tunesmith chat`: one question, or a conversation, with any model of the server. */

import { createInterface } from 'node:readline/promises';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import type OpenAI from 'openai';
import type { ChatCompletionMessageParam } from 'openai/resources';
import { decimalNumber, wholeNumber, type Act, type Context } from './context.ts';
import { UsageError } from './outcome.ts';

interface ChatOptions {
  readonly system?: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
}

const examples = `
Examples:
  $ tunesmith chat smollm2-135m-instruct "What is a mail filter?"
  $ tunesmith chat ft:smollm2-135m-instruct:personal:spam:AbC12345 --system "spam or ham?" < mail.txt
  $ tunesmith chat smollm2-135m-instruct            # a conversation; Ctrl-D ends it`;

export function chatCommand(program: Command, act: Act): void {
  program
    .command('chat <model> [message...]')
    .description('ask a model; without a message, from stdin, or in a conversation on a terminal')
    .option('--system <text>', 'what the model is told first')
    .option('--temperature <number>', '0 always gives the likeliest words', decimalNumber)
    .option('--max-tokens <count>', 'longest answer', wholeNumber)
    .addHelpText('after', examples)
    .action(act<ChatOptions>(chat));
}

async function chat(context: Context, options: ChatOptions, model = '', ...words: string[]): Promise<void> {
  const { stdin } = context.surroundings;
  const given = words.join(' ');
  const message = given === '' && stdin.isTTY !== true ? (await readAll(stdin)).trim() : given;
  if (message === '' && (stdin.isTTY !== true || context.terminal.json)) {
    throw new UsageError('There is no message: give one as an argument or on stdin.');
  }
  const messages: ChatCompletionMessageParam[] =
    options.system === undefined ? [] : [{ role: 'system', content: options.system }];
  await using connection = await context.connect();
  const request = {
    model,
    messages,
    ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    ...(options.maxTokens === undefined ? {} : { max_completion_tokens: options.maxTokens }),
  };
  if (message !== '') {
    messages.push({ role: 'user', content: message });
    await answerOnce(context, connection.openai, request);
    return;
  }
  await converse(context, connection.openai, request);
}

type Request = OpenAI.ChatCompletionCreateParamsNonStreaming;

async function answerOnce(context: Context, openai: OpenAI, request: Request): Promise<void> {
  if (!context.terminal.json) {
    await streamAnswer(context, openai, request, context.signal);
    return;
  }
  const completion = await openai.chat.completions.create(request, { signal: context.signal });
  context.terminal.data(JSON.stringify(completion, null, 2));
}

/** A conversation on a terminal: each answer becomes part of what is asked next. */
async function converse(context: Context, openai: OpenAI, request: Request): Promise<void> {
  const { stdin, stderr } = context.surroundings;
  const lines = createInterface({ input: stdin, output: stderr as NodeJS.WritableStream, prompt: '> ' });
  // On a terminal readline itself receives Ctrl-C, so the process never sees the signal.
  const stopped = new AbortController();
  lines.once('SIGINT', () => {
    stopped.abort();
    lines.close();
  });
  const signal = AbortSignal.any([context.signal, stopped.signal]);
  try {
    context.terminal.note(`${request.model}: Ctrl-D ends the conversation.`);
    lines.prompt();
    for await (const line of lines) {
      if (line.trim() !== '') {
        request.messages.push({ role: 'user', content: line });
        const answer = await streamAnswer(context, openai, request, signal);
        request.messages.push({ role: 'assistant', content: answer });
      }
      lines.prompt();
    }
    signal.throwIfAborted();
  } finally {
    lines.close();
  }
}

/** Writes the answer as it comes and gives the whole of it. */
async function streamAnswer(context: Context, openai: OpenAI, request: Request, signal: AbortSignal): Promise<string> {
  const stream = await openai.chat.completions.create({ ...request, stream: true }, { signal });
  let answer = '';
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.content ?? '';
    answer += piece;
    context.terminal.raw(piece);
  }
  context.terminal.raw('\n');
  return answer;
}
