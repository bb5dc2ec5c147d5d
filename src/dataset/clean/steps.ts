/** The steps of a recipe, one row of a table each. */

import { invalid } from '../../domain/errors.ts';
import { seededRandom, shuffled } from '../../random.ts';
import { Fingerprints } from '../fingerprints.ts';
import { AnswerSet } from '../findings/answer-set.ts';
import { refusal } from '../findings/answers.ts';
import { RepeatedTexts } from '../findings/boilerplate.ts';
import { withoutStrangeCharacters } from '../findings/characters.ts';
import { comparedParts } from '../findings/duplicates.ts';
import { countOf, excerpt } from '../findings/finding.ts';
import { LanguageReader } from '../findings/language.ts';
import { repairMojibake } from '../findings/mojibake.ts';
import { isBlank, NearDuplicates } from '../findings/near-duplicates.ts';
import { maskPersonalData } from '../findings/personal-data.ts';
import { comparableParts, mapTexts, partsOfRow } from './example-texts.ts';
import { htmlToText } from './html.ts';
import type { StepName, StepSettings } from './recipe.ts';
import { kept, leftOut, textStep, type CleanRow, type Step } from './step.ts';
import { betweenEnds, tidyWhiteSpace } from './white-space.ts';

type Settings<Name extends StepName> = Extract<StepSettings, { step: Name }>;

/** What a step may need besides its settings. */
export interface StepSurroundings {
  readonly seed: number;
  readonly signal?: AbortSignal;
}

type StepMaker<Name extends StepName> = (settings: Settings<Name>, around: StepSurroundings) => Step | Promise<Step>;

const makers: { readonly [Name in StepName]: StepMaker<Name> } = {
  unicode: ({ form }) =>
    textStep((text) => {
      const repaired = withoutStrangeCharacters(repairMojibake(text));
      return form === 'none' ? repaired : repaired.normalize(form);
    }),
  html: () => textStep((text, { isValue }) => (isValue ? text : htmlToText(text))),
  white_space: () =>
    textStep((text, { isValue, isBare }) => {
      if (isValue) return text;
      return isBare ? betweenEnds(text, tidyWhiteSpace) : tidyWhiteSpace(text);
    }),
  boiler_plate: boilerplateStep,
  personal_data: ({ kinds }) => {
    const wanted = new Set(kinds);
    return textStep((text) => maskPersonalData(text, wanted));
  },
  refusals: () => judging((row) => (refusal.test(answerOf(row).slice(0, 240)) ? 'declines to answer' : null)),
  language: languageStep,
  length: ({ min_answer: min, max_example: max }) => judging((row) => tooShortOrLong(row, min, max)),
  exact_duplicates: exactStep,
  near_duplicates: nearStep,
  balance: balanceStep,
};

export async function makeStep(settings: StepSettings, around: StepSurroundings): Promise<Step> {
  const make = makers[settings.step] as StepMaker<StepName>;
  return await make(settings, around);
}

/** A step that leaves rows out, each for what it is. */
const judging = (reasonAgainst: (row: CleanRow) => string | null): Step => ({
  begin: () => (row) => {
    const reason = reasonAgainst(row);
    return reason === null ? kept(row) : leftOut(shown(row), reason);
  },
});

const answerOf = ({ value, format }: CleanRow): string => partsOfRow(value, format).answer.trim();

function shown({ value, format }: CleanRow): string {
  const { prompt, answer } = partsOfRow(value, format);
  return excerpt(`${prompt} → ${answer}`);
}

function tooShortOrLong(row: CleanRow, min: number, max: number): string | null {
  const { answer, texts } = partsOfRow(row.value, row.format);
  const whole = texts.reduce((sum, { text }) => sum + text.length, 0);
  if (whole > max) return `${countOf(whole, 'character')}, more than ${max}`;
  if (row.format === 'reinforcement' || answer.trim().length >= min) return null;
  return `an answer of ${countOf(answer.trim().length, 'character')}, less than ${min}`;
}

async function languageStep({ keep }: Settings<'language'>): Promise<Step> {
  const reader = await LanguageReader.open();
  return judging(({ value, format }) => {
    const { prompt, answer } = partsOfRow(value, format);
    const language = reader.languageOf(`${prompt}\n${answer}`);
    return language === null || keep.includes(language) ? null : `language ${language}`;
  });
}

function boilerplateStep({ share, count }: Settings<'boiler_plate'>): Step {
  const repeated = new RepeatedTexts();
  const openings = new Set<string>();
  const closings = new Set<string>();
  const isAnswer = (role: string, isValue: boolean): boolean => role === 'assistant' && !isValue;
  return {
    survey: {
      see: ({ line, value, format }) => {
        mapTexts(value, format, (text, { role, isValue }) => {
          if (isAnswer(role, isValue)) repeated.add(text.trim(), line);
          return text;
        });
      },
      settle: async () => {
        for (const { where, text } of repeated.frequent(share, count)) {
          if (where === 'opening') openings.add(text);
          if (where === 'closing') closings.add(text);
        }
      },
    },
    ...textStep((text, { role, isValue }) =>
      isAnswer(role, isValue) ? betweenEnds(text, (inner) => withoutBoilerplate(inner, openings, closings)) : text,
    ),
  };
}

/** Never all of it: an answer that would be empty stays. */
function withoutBoilerplate(text: string, openings: ReadonlySet<string>, closings: ReadonlySet<string>): string {
  let rest = text;
  for (const opening of openings) if (rest.startsWith(opening)) rest = rest.slice(opening.length).trimStart();
  for (const closing of closings) if (rest.endsWith(closing)) rest = rest.slice(0, -closing.length).trimEnd();
  return rest === '' ? text : rest;
}

function exactStep(): Step {
  return {
    begin: () => {
      const seen = new Fingerprints();
      return (row) => {
        const text = JSON.stringify(row.value).replaceAll(/(?:\s|\\[nrt])+/g, ' ');
        const first = seen.add(text, row.line);
        return first === null ? kept(row) : leftOut(shown(row), `the same as line ${first}`);
      };
    },
  };
}

function nearStep({ similarity }: Settings<'near_duplicates'>, { signal }: StepSurroundings): Step {
  const near = new NearDuplicates();
  const lines: number[] = [];
  /** By the line of a copy: the line that is kept instead. */
  const copies = new Map<number, number>();
  return {
    survey: {
      see: (row) => {
        const compared = comparedParts(comparableParts(row.value, row.format), row.format);
        if (isBlank(compared)) return;
        near.add(compared);
        lines.push(row.line);
      },
      settle: async () => {
        for (const [first, ...others] of (await near.clusters(similarity, signal)).groups()) {
          for (const other of others) copies.set(lines[other]!, lines[first!]!);
        }
      },
    },
    begin: () => (row) => {
      const first = copies.get(row.line);
      return first === undefined ? kept(row) : leftOut(shown(row), `nearly the same as line ${first}`);
    },
  };
}

function balanceStep({ ratio }: Settings<'balance'>, { seed }: StepSurroundings): Step {
  const answers = new AnswerSet();
  const lines = new Map<string, number[]>();
  const surplus = new Set<number>();
  return {
    survey: {
      see: (row) => {
        const label = answerOf(row);
        answers.add(label);
        const same = lines.get(label);
        if (same === undefined) lines.set(label, [row.line]);
        else same.push(row.line);
      },
      settle: async () => {
        const labels = answers.labels();
        if (labels === null) {
          throw invalid(
            null,
            'The step "balance" needs labels: short answers that repeat. The answers of this file are free text.',
          );
        }
        const most = Math.floor(Math.min(...labels.values()) * ratio);
        const random = seededRandom(seed);
        for (const label of labels.keys()) {
          for (const line of shuffled(lines.get(label)!, random).slice(most)) surplus.add(line);
        }
      },
    },
    begin: () => (row) =>
      surplus.has(row.line)
        ? leftOut(shown(row), `one too many of ${JSON.stringify(excerpt(answerOf(row)))}`)
        : kept(row),
  };
}
