/**
 * Text whose UTF-8 bytes somebody read as Windows-1252 or Latin-1 (`fÃ¼r`, `donâ€™t`), found and undone.
 *
 * Every character of such a text stands for one byte, so a run of characters that are together one valid UTF-8
 * sequence is almost certainly damage. Real text comes close to it (`CAFÉ»` is two such bytes), so a single run only
 * counts where it gives a character that people write, Latin, punctuation or an emoji; other scripts need two in a row.
 */

/** What Windows-1252 puts at 0x80 to 0x9F; its five holes pass as the control characters of Latin-1. */
const windows1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

const follower = `[\\u0080-\\u00bf${windows1252.replaceAll(/[\u0080-\u009f]/g, '')}]`;
const sequence = `[\\u00c2-\\u00df]${follower}|[\\u00e0-\\u00ef]${follower}{2}|[\\u00f0-\\u00f4]${follower}{3}`;
const runs = new RegExp(`(?:${sequence})+`, 'g');
const possible = /[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u2122]/;

const repairsMax = 3;

/** The text with its damage undone, as often as it was done; itself when there is none. */
export function repairMojibake(text: string): string {
  let repaired = text;
  for (let round = 0; round < repairsMax && possible.test(repaired); round++) {
    const before = repaired;
    repaired = repaired.replaceAll(runs, repairRun);
    if (repaired === before) break;
  }
  return repaired;
}

/** The first damaged piece of a text, or null. */
export function firstMojibake(text: string): string | null {
  if (!possible.test(text)) return null;
  for (const [run] of text.matchAll(runs)) if (repairRun(run) !== run) return run;
  return null;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function repairRun(run: string): string {
  try {
    const decoded = decoder.decode(Uint8Array.from(run, byteOf));
    return isPlausible(decoded) ? decoded : run;
  } catch {
    return run;
  }
}

function byteOf(character: string): number {
  const high = windows1252.indexOf(character);
  return high >= 0 ? 0x80 + high : character.charCodeAt(0);
}

const singly =
  /^[\u00a0-\u017f\u2010-\u203a\u20ac\u2122\u2190-\u21ff\u2200-\u22ff\u2600-\u27bf\ufeff\ufffd\u{1f300}-\u{1faff}]+$/u;
const foreign = /^[\p{L}\p{M}\p{P}\p{S}\p{Zs}\ufe0f]{2,}$/u;

const isPlausible = (decoded: string): boolean => singly.test(decoded) || foreign.test(decoded);
