/** What single answers betray: they repeat the question, break off, or decline. */

import { countOf, finding, Sightings, type DataRole, type Detector, type Finding, type Observed } from './finding.ts';

/** An answer this long is prose, and prose ends with a mark. */
const proseMin = 120;
/** So many of the other answers must end with a mark for a missing one to mean something. */
const markedShareMin = 0.8;
const echoMin = 20;
/** So many answers of exactly the greatest length were cut there. */
const cutMin = 5;
const cutLengthMin = 200;

export class Answers implements Detector {
  readonly #file: DataRole;
  readonly #echoes = new Sightings();
  readonly #refusals = new Sightings();
  /** Broken off for sure: an open code fence, JSON without its end, a last word that cannot be one. */
  readonly #broken = new Sightings();
  /** Prose without a mark at its end, which says something only when most prose has one. */
  readonly #unmarked = new Sightings();
  #proseCount = 0;
  #longest = { length: 0, lines: [] as number[] };

  constructor(file: DataRole) {
    this.#file = file;
  }

  see({ line, format, parts }: Observed): void {
    const answer = parts.answer.trim();
    if (format === 'reinforcement' || answer === '') return;
    const question = parts.texts.findLast(({ role }) => role === 'user')?.text ?? '';
    if (isEcho(question, answer)) this.#echoes.add(line, answer);
    if (refusal.test(answer.slice(0, 240))) this.#refusals.add(line, answer);
    if (isBroken(answer)) this.#broken.add(line, `…${answer.slice(-80)}`);
    if (isProse(answer)) {
      this.#proseCount += 1;
      if (endsOpen(answer)) this.#unmarked.add(line, `…${answer.slice(-80)}`);
    }
    if (answer.length > this.#longest.length) this.#longest = { length: answer.length, lines: [line] };
    else if (answer.length === this.#longest.length) this.#longest.lines.push(line);
  }

  findings(): Finding[] {
    const file = this.#file;
    return [
      ...this.#echoes.told({
        code: 'echoed_prompt',
        severity: 'warning',
        file,
        message: `${countOf(this.#echoes.count, 'answer')} repeating what was asked`,
        advice: 'A model learns to repeat the question before it answers. Cut the repetition, unless it is wanted.',
      }),
      ...this.#refusals.told({
        code: 'refusals',
        severity: 'warning',
        file,
        message: `${countOf(this.#refusals.count, 'answer')} declining to answer`,
        advice: 'Few of them teach a model to refuse much more. The clean step "refusals" leaves them out.',
      }),
      ...this.#truncated(),
    ];
  }

  #truncated(): Finding[] {
    const most = this.#proseCount * (1 - markedShareMin);
    const unmarked = this.#proseCount >= 10 && this.#unmarked.count <= most ? this.#unmarked : new Sightings();
    const { length, lines: longest } = this.#longest;
    const cut = length >= cutLengthMin && longest.length >= cutMin ? longest : [];
    const lines = [...new Set([...this.#broken.lines, ...unmarked.lines, ...cut])].sort((a, b) => a - b);
    if (lines.length === 0) return [];
    const sameLength =
      cut.length === 0 ? '' : `; ${cut.length} are exactly ${length} characters long, more than any other`;
    return [
      finding({
        code: 'truncated_answers',
        severity: 'warning',
        file: this.#file,
        message: `${countOf(lines.length, 'answer')} that may have been cut off${sameLength}`,
        lines,
        samples: [...this.#broken.samples, ...unmarked.samples].slice(0, 3),
        advice: 'A model learns to stop in the middle. Complete them or leave them out.',
      }),
    ];
  }
}

function isEcho(question: string, answer: string): boolean {
  if (question.length > answer.length * 1.25) return false;
  const [asked, said] = [words(question), words(answer.slice(0, question.length * 1.5 + 20))];
  if (asked === '' || !said.startsWith(asked)) return false;
  return asked.length >= echoMin || (said === asked && asked.length >= 5 && answer.length < question.length + 20);
}

const words = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/** How assistants decline, in the languages in which we have seen them do it. */
export const refusal = new RegExp(
  [
    String.raw`\bas an? (?:ai|artificial intelligence)(?: language)? (?:model|assistant)?`,
    String.raw`\bi(?:['’]m| am) (?:just )?an ai\b`,
    String.raw`^(?:i(?:['’]m| am) (?:very |so |really )?sorry|sorry|i apologi[sz]e|unfortunately|apologies)\b[^.!?]{0,60}\b(?:can(?:['’]t|not)|unable to|not able to|won['’]t)\b[^.!?]{0,20}\b(?:help|assist|answer|provide|comply|fulfil|do that|discuss|create|generate|engage|complete|share)`,
    String.raw`^i (?:can(?:['’]t|not)|won['’]t|am unable to|am not able to|must decline to)\b[^.!?]{0,20}\b(?:help|assist|answer|provide|comply|fulfil|do that|discuss|create|generate|engage)`,
    String.raw`^i(?:['’]m| am) (?:unable|not able) to (?:help|assist|answer|provide|comply|fulfil|discuss|create|generate)`,
    String.raw`\bals (?:ki|künstliche intelligenz)[- ]?(?:sprach)?(?:modell|assistent)`,
    String.raw`^(?:es )?tut mir leid[^.!?]{0,60}\b(?:kann|darf)\b[^.!?]{0,60}\bnicht\b`,
    String.raw`^(?:je suis )?désolée?[^.!?]{0,60}\bne (?:peux|puis)\b`,
    String.raw`^lo siento[^.!?]{0,60}\bno puedo\b`,
  ].join('|'),
  'i',
);

const danglingWord =
  /[\p{L}\d,] (?:and|or|but|the|an?|of|to|with|for|because|und|oder|aber|der|die|das|ein|eine|mit|für|weil|et|ou|le|la|les|de|y|el|los|con|para)$/u;

function isBroken(answer: string): boolean {
  if ((answer.match(/^\s*```/gm)?.length ?? 0) % 2 === 1) return true;
  if (/^(?:\{\s*["}]|\[\s*[[{"\d\]])/.test(answer)) return breaksOff(answer);
  return answer.length >= 40 && (danglingWord.test(answer) || /[,(]$/.test(lastLine(answer).slice(30)));
}

/** JSON that would go on; other mistakes in it are another matter. */
function breaksOff(json: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (quoted) {
      if (character === '\\') i += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
  }
  return quoted || depth > 0;
}

const isProse = (answer: string): boolean =>
  answer.length >= proseMin && !answer.includes('```') && /\p{L} \p{L}/u.test(answer) && !/^[{[<]/.test(answer);

/** Ends in a letter, digit or comma, not in a list, a link or a signature. */
function endsOpen(answer: string): boolean {
  const last = lastLine(answer);
  if (!/[\p{L}\p{N},;–-]$/u.test(last)) return false;
  return !/^\s*(?:[-*•#|>]|\d+[.)])/.test(last) && !/\S+:\/\/\S+$/.test(last) && last.length >= 40;
}

const lastLine = (text: string): string => text.slice(text.lastIndexOf('\n') + 1);
