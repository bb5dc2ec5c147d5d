/**
 * What an encoder made of a text, in the words that it was taught: a label, a list of labels, or entities in JSON.
 *
 * An answer is a few pieces, each with its probability, as if they were tokens. A label is one piece, and the other
 * labels are its alternatives. Of several labels the opening bracket carries all of them, each with a probability of
 * its own; of entities each type that was written is a piece as probable as its words' tags are on average.
 */

import { beginTag, noEntity, type EntityForm, type LabelSet } from '../domain/label.ts';
import type { TokenAlternatives, TokenText } from './choice-reader.ts';

export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

interface Piece {
  readonly text: string;
  readonly logprob: number;
  readonly alternatives?: readonly Alternative[];
}

type Alternative = readonly [label: string, logprob: number];

export interface LabelAnswer {
  readonly text: string;
  /** As if pieces were tokens, with at most so many alternatives as asked for. */
  tokens(alternativesMax: number): TokenAlternatives[];
  readonly pieces: number;
  /** Of every label of a text; null for entities. */
  readonly probabilities: Readonly<Record<string, number>> | null;
}

/** `logits` has as many numbers for each judged word (or for the text) as the head has outputs. */
export function labelAnswer(
  set: LabelSet,
  logits: Float32Array,
  text: string,
  words: readonly TextSpan[],
): LabelAnswer {
  const pieces = piecesOf(set, logits, text, words);
  return {
    text: pieces.map((piece) => piece.text).join(''),
    pieces: pieces.length,
    probabilities: probabilitiesOf(pieces),
    tokens: (alternativesMax) => pieces.map((piece) => named(piece, alternativesMax)),
  };
}

/** The first piece carries them all. */
function probabilitiesOf([first]: readonly Piece[]): Record<string, number> | null {
  const all = first?.alternatives ?? [];
  return all.length === 0 ? null : Object.fromEntries(all.map(([label, log]) => [label, Math.exp(Math.min(0, log))]));
}

function piecesOf(set: LabelSet, logits: Float32Array, text: string, words: readonly TextSpan[]): Piece[] {
  if (set.task === 'classification') return [bestLabel(set.labels, logits)];
  if (set.task === 'multi_label') return chosenLabels(set.labels, logits);
  return entities(set, logits, text, words);
}

function bestLabel(labels: readonly string[], logits: Float32Array): Piece {
  const logs = logSoftmax(logits);
  const alternatives = labels.map((label, i): Alternative => [label, logs[i]!]).sort(byProbability);
  const [text, logprob] = alternatives[0]!;
  return { text, logprob, alternatives };
}

/** Those that are likelier than not. */
function chosenLabels(labels: readonly string[], logits: Float32Array): Piece[] {
  const all = labels.map((label, i): Alternative => [label, logSigmoid(logits[i]!)]);
  const chosen = all.filter((_, i) => logits[i]! > 0);
  // How probable it is that none of the others is right either.
  const others = labels.reduce((sum, _, i) => (logits[i]! > 0 ? sum : sum + logSigmoid(-logits[i]!)), 0);
  return [
    { text: '[', logprob: 0, alternatives: [...all].sort(byProbability) },
    ...chosen.map(([label, logprob], i): Piece => ({ text: (i === 0 ? '' : ',') + JSON.stringify(label), logprob })),
    { text: ']', logprob: others },
  ];
}

interface Entity {
  readonly label: string;
  readonly start: number;
  readonly end: number;
  readonly logprob: number;
}

function entities({ labels, form }: LabelSet, logits: Float32Array, text: string, words: readonly TextSpan[]): Piece[] {
  const found = readEntities(labels, logits, words);
  const written = writers[form!.shape](form!, found, labels, text);
  const open = form!.wrapper === null ? '' : `{${JSON.stringify(form!.wrapper)}:`;
  const close = form!.wrapper === null ? '' : '}';
  return [{ text: open, logprob: 0 }, ...written, { text: close, logprob: 0 }].filter((piece) => piece.text !== '');
}

/** The likeliest tag of each word; one that goes on with nothing begins something. */
function readEntities(labels: readonly string[], logits: Float32Array, words: readonly TextSpan[]): Entity[] {
  const outputs = 1 + 2 * labels.length;
  const found: (Entity & { words: number })[] = [];
  let open: string | null = null;
  for (const [i, { start, end }] of words.entries()) {
    const logs = logSoftmax(logits.subarray(i * outputs, (i + 1) * outputs));
    const tag = logs.reduce((best, log, at) => (log > logs[best]! ? at : best), 0);
    if (tag === noEntity) {
      open = null;
      continue;
    }
    const type = Math.floor((tag - 1) / 2);
    const label = labels[type]!;
    const last = found.at(-1);
    if (tag !== beginTag(type) && open === label && last !== undefined)
      found[found.length - 1] = { ...last, end, logprob: last.logprob + logs[tag]!, words: last.words + 1 };
    else found.push({ label, start, end, logprob: logs[tag]!, words: 1 });
    open = label;
  }
  return found.map(({ words, logprob, ...entity }) => ({ ...entity, logprob: logprob / words }));
}

type Writer = (form: EntityForm, found: readonly Entity[], labels: readonly string[], text: string) => Piece[];

const writers: Record<EntityForm['shape'], Writer> = {
  by_type: (_, found, labels, text) => [
    { text: '{', logprob: 0 },
    ...labels.flatMap((label, i): Piece[] => {
      const own = unique(
        found.filter((entity) => entity.label === label),
        text,
      );
      const key = { text: `${i === 0 ? '' : ','}${JSON.stringify(label)}:[`, logprob: 0 };
      const items = own.map(({ start, end, logprob }, k): Piece => ({
        text: (k === 0 ? '' : ',') + JSON.stringify(text.slice(start, end)),
        logprob,
      }));
      return [key, ...items, { text: ']', logprob: 0 }];
    }),
    { text: '}', logprob: 0 },
  ],
  spans: ({ keys }, found, _, text) =>
    list(found, ({ label, start, end }) => {
      const fields: Record<string, unknown> = {};
      if (keys.text !== null) fields[keys.text] = text.slice(start, end);
      fields[keys.label] = label;
      if (keys.start !== null && keys.end !== null) Object.assign(fields, { [keys.start]: start, [keys.end]: end });
      return fields;
    }),
  pairs: (_, found, __, text) => list(found, ({ label, start, end }) => [text.slice(start, end), label]),
};

const list = (found: readonly Entity[], write: (entity: Entity) => unknown): Piece[] => [
  { text: '[', logprob: 0 },
  ...found.map((entity, i): Piece => ({
    text: (i === 0 ? '' : ',') + JSON.stringify(write(entity)),
    logprob: entity.logprob,
  })),
  { text: ']', logprob: 0 },
];

/** What reads the same is named once, as it was taught. */
function unique(found: readonly Entity[], text: string): Entity[] {
  const seen = new Map<string, Entity>();
  for (const entity of found) {
    const name = text.slice(entity.start, entity.end);
    if (!seen.has(name)) seen.set(name, entity);
  }
  return [...seen.values()];
}

const byProbability = ([, a]: Alternative, [, b]: Alternative): number => b - a;

function named({ text, logprob, alternatives = [] }: Piece, alternativesMax: number): TokenAlternatives {
  const name = (token: string, log: number): TokenText => ({
    token,
    logprob: Math.min(0, log),
    bytes: [...Buffer.from(token)],
  });
  const top = alternatives.slice(0, alternativesMax).map(([label, log]) => name(label, log));
  return { ...name(text, logprob), top_logprobs: top };
}

/** Natural logarithms of the shares. */
export function logSoftmax(logits: Float32Array): number[] {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = logits.reduce((sum, x) => sum + Math.exp(x - largest), 0);
  return Array.from(logits, (x) => x - largest - Math.log(total));
}

const logSigmoid = (x: number): number => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));
