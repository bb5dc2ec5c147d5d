/**
 * One item from beginning to end: a model answers, where one is to, and every criterion looks at the answer.
 *
 * An item passes if every criterion passes. What keeps one from judging (a variable that is not there, a judge that
 * says nothing fit, a program that fails) makes the item an error, which is neither: nobody knows.
 */

import type OpenAI from 'openai';
import type { Criterion, CriterionOutcome, EvalError, OutputItem, OutputSample } from '../../domain/eval.ts';
import type { Grade, GraderTokens } from '../../domain/grader.ts';
import { newId } from '../../domain/ids.ts';
import { grade } from '../../graders/grade.ts';
import { partsOf } from '../../graders/schema.ts';
import type { GraderTools } from '../../graders/tools.ts';
import { asEvalError, ItemFailure, RunFailure } from './failure.ts';
import { placeOf } from './place.ts';
import type { Judged, WaitingItem } from './records.ts';
import type { DataSource, SamplingSource } from './request.ts';
import {
  type AnsweredResponse,
  chatSample,
  chatTokens,
  givenSample,
  noSample,
  responseSample,
  type Sample,
  turnsOf,
} from './sample.ts';
import { type AskedMessage, itsOwnInput, messagesFor } from './template.ts';

/** Whoever answers: a model of this house, or a server elsewhere. Throws an `ItemFailure` or a `RunFailure`. */
export interface Answerer {
  chat(body: object, signal: AbortSignal): Promise<OpenAI.ChatCompletion>;
  respond(body: object, signal: AbortSignal): Promise<AnsweredResponse>;
}

export interface Judging {
  readonly runId: string;
  readonly evalId: string;
  readonly dataSource: DataSource;
  readonly criteria: readonly Criterion[];
  readonly answerer: Answerer;
  readonly tools: GraderTools;
  /** Told of an answer that has cost something, when judging it takes a while. */
  readonly keep: (answered: WaitingItem) => void;
}

/** Throws only for what is wrong with the whole run, and when the signal aborts. */
export async function judgeItem(judging: Judging, waiting: WaitingItem, signal: AbortSignal): Promise<Judged> {
  const { criteria, tools } = judging;
  const usage: Judged['usage'][number][] = [];
  const sampled = await sampleFor(judging, waiting, signal);
  const { sample } = sampled;
  if (sampled.asked) {
    const { model, usage: tokens } = sample.shown;
    if (sample.shown.error === null) usage.push({ model, tokens });
  }
  if (sample.shown.error !== null)
    return judgedAs(judging, outputItem(judging, waiting, 'error', [], sample.shown), usage);

  const subject = { item: waiting.item, sample: sample.seen };
  const outcomes: { outcome: CriterionOutcome; problem: string | null }[] = [];
  for (const criterion of criteria) {
    const heard: Heard[] = [];
    const given = await grade(criterion, subject, listenedTo(tools, heard), signal);
    for (const { answer } of heard) usage.push({ model: answer.model, tokens: chatTokens(answer.usage) });
    outcomes.push({ outcome: outcomeOf(criterion, given, heard), problem: given.problem });
  }
  const problem = outcomes.find((each) => each.problem !== null)?.problem ?? null;
  const passed = outcomes.every(({ outcome }) => outcome.passed);
  const status = problem !== null ? 'error' : passed ? 'pass' : 'fail';
  const results = outcomes.map(({ outcome }) => outcome);
  return judgedAs(judging, outputItem(judging, waiting, status, results, sample.shown), usage, sample.tokens);
}

/** An item that nothing can be said about, and why. */
export function unjudged(judging: Judging, waiting: WaitingItem, error: EvalError): Judged {
  return judgedAs(judging, outputItem(judging, waiting, 'error', [], noSample([], error).shown), []);
}

const judgedAs = (
  { criteria }: Judging,
  output: OutputItem,
  usage: Judged['usage'],
  tokens?: Sample['tokens'],
): Judged => ({ output, usage, place: placeOf(output, criteria, tokens ?? null) });

function outputItem(
  { runId, evalId }: Judging,
  { n, item }: WaitingItem,
  status: OutputItem['status'],
  results: CriterionOutcome[],
  sample: OutputSample,
): OutputItem {
  return {
    object: 'eval.run.output_item',
    id: newId('outputItem'),
    run_id: runId,
    eval_id: evalId,
    created_at: Math.floor(Date.now() / 1000),
    status,
    datasource_item_id: n,
    datasource_item: item,
    results,
    sample,
  };
}

/** The answer to be judged, and whether a model was asked for it now. */
async function sampleFor(
  { dataSource, answerer, criteria, keep }: Judging,
  waiting: WaitingItem,
  signal: AbortSignal,
): Promise<{ sample: Sample; asked: boolean }> {
  const { item, given, sample } = waiting;
  if (dataSource.type === 'jsonl' || dataSource.model === undefined) {
    const there = sample ?? (given === undefined ? noSample() : givenSample(given));
    return { sample: there, asked: false };
  }
  if (waiting.answered !== undefined) return { sample: waiting.answered, asked: true };
  let messages: AskedMessage[] = [];
  try {
    messages = messagesFor(dataSource.input_messages ?? itsOwnInput, item);
    const tellsTokens = dataSource.endpoint === undefined && criteria.some(({ type }) => type === 'string_check');
    const said = await answered(dataSource, messages, answerer, tellsTokens, signal);
    if (criteria.flatMap(partsOf).some(({ type }) => slow.has(type))) keep({ ...waiting, answered: said });
    return { sample: said, asked: true };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RunFailure || !(error instanceof ItemFailure)) throw error;
    return { sample: noSample(turnsOf(messages), asEvalError(error)), asked: true };
  }
}

/** Graders that take longer than writing an answer down. */
const slow: ReadonlySet<string> = new Set(['score_model', 'label_model', 'python']);

/** OpenAI's own defaults. */
const usual = { temperature: 1, top_p: 1, seed: 42 };

async function answered(
  source: SamplingSource,
  messages: readonly AskedMessage[],
  answerer: Answerer,
  tellsTokens: boolean,
  signal: AbortSignal,
): Promise<Sample> {
  const { model } = source;
  if (source.type === 'completions') {
    const wishes = { ...usual, ...withoutAbsent(source.sampling_params ?? {}) };
    const asked = { ...wishes, model, messages, ...(tellsTokens && probabilities) };
    const answer = await answerer.chat(asked, signal);
    return chatSample(messages, answer, { ...wishes, isJson: isJson(source.sampling_params?.response_format) });
  }
  const { seed: _, ...wishes } = { ...usual, ...withoutAbsent(source.sampling_params ?? {}) };
  const answer = await answerer.respond(responseBody(source, messages), signal);
  return responseSample(messages, answer, { ...wishes, isJson: isJson(source.sampling_params?.text?.format) });
}

/** How sure a model is of a label; a server elsewhere may refuse to tell, and nobody has asked it to. */
const probabilities = { logprobs: true, top_logprobs: 20 };

/** Responses have no seed, and other names for some wishes. */
function responseBody(
  source: Extract<SamplingSource, { type: 'responses' }>,
  messages: readonly AskedMessage[],
): object {
  const { max_completion_tokens, reasoning_effort, seed: _, ...rest } = source.sampling_params ?? {};
  const { temperature, top_p } = usual;
  return {
    temperature,
    top_p,
    ...withoutAbsent(rest),
    model: source.model,
    input: messages,
    store: false,
    ...(max_completion_tokens !== undefined && { max_output_tokens: max_completion_tokens }),
    ...(reasoning_effort !== undefined && { reasoning: { effort: reasoning_effort } }),
  };
}

const isJson = (format: Readonly<Record<string, unknown>> | undefined): boolean =>
  format?.['type'] === 'json_object' || format?.['type'] === 'json_schema';

function withoutAbsent<Value extends object>(value: Value): Value {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Value;
}

/** What a judging model was asked and said. */
interface Heard {
  readonly body: OpenAI.ChatCompletionCreateParamsNonStreaming;
  readonly answer: OpenAI.ChatCompletion;
}

const listenedTo = (tools: GraderTools, heard: Heard[]): GraderTools => ({
  embed: (texts, signal) => tools.embed(texts, signal),
  python: tools.python,
  chat: async (body, signal) => {
    const answer = await tools.chat(body, signal);
    heard.push({ body, answer });
    return answer;
  },
});

function outcomeOf(criterion: Criterion, given: Grade, heard: readonly Heard[]): CriterionOutcome {
  const { id, type } = criterion;
  return {
    name: id,
    type,
    score: given.score,
    passed: given.problem === null && given.score >= passMark(criterion),
    sample: judgeSample(heard, given),
    ...(given.label !== null && { label: given.label }),
    ...(Object.keys(given.parts).length > 0 && { sub_scores: given.parts }),
    ...(given.problem !== null && { error: problemOf(given) }),
  };
}

function problemOf({ errors, problem }: Grade): EvalError {
  const code = Object.entries(errors).find(([, raised]) => raised === true)?.[0] ?? 'other_error';
  return { code, message: problem! };
}

/** A score from here on passes: half of what can be reached, where nothing is said. */
function passMark(criterion: Criterion): number {
  if (criterion.pass_threshold !== undefined) return criterion.pass_threshold;
  if (criterion.type === 'string_check' || criterion.type === 'label_model') return 1;
  if (criterion.type !== 'score_model') return 0.5;
  const [low, high] = (criterion.range ?? [0, 1]) as [number, number];
  return (low + high) / 2;
}

/** What the (first) judging model was asked and said; null where none was. */
function judgeSample([first]: readonly Heard[], { problem }: Grade): CriterionOutcome['sample'] {
  if (first === undefined) return null;
  const { body, answer } = first;
  const { shown } = chatSample(body.messages as unknown as AskedMessage[], answer, {
    temperature: body.temperature ?? undefined,
    top_p: body.top_p ?? undefined,
    seed: body.seed ?? undefined,
    max_completion_tokens: body.max_completion_tokens ?? undefined,
    isJson: true,
  });
  const error = problem === null ? null : { code: 'grading_failed', message: problem };
  return { ...shown, error, usage: shown.usage satisfies GraderTokens };
}
