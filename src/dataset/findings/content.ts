/** What single texts betray, whoever says them: damage, characters nobody sees, somebody's personal data. */

import { findStrangeCharacters } from './characters.ts';
import { countOf, excerpt, Sightings, type DataRole, type Detector, type Finding, type Observed } from './finding.ts';
import { firstMojibake, repairMojibake } from './mojibake.ts';
import { findPersonalData, maskPersonalData, type PersonalKind } from './personal-data.ts';

export class Content implements Detector {
  readonly #file: DataRole;
  readonly #mojibake = new Sightings();
  readonly #characters = new Sightings();
  readonly #characterNames = new Map<string, number>();
  readonly #personal = new Sightings();
  readonly #personalKinds = new Map<PersonalKind, number>();

  constructor(file: DataRole) {
    this.#file = file;
  }

  see({ line, parts }: Observed): void {
    for (const { text } of parts.texts) {
      this.#seeDamage(line, text);
      this.#seePersonal(line, text);
    }
  }

  #seeDamage(line: number, text: string): void {
    const damage = firstMojibake(text);
    if (damage !== null)
      this.#mojibake.add(line, `${damage} for ${repairMojibake(damage)}: ${excerpt(text, text.indexOf(damage))}`);
    const strange = findStrangeCharacters(text);
    if (strange.length === 0) return;
    for (const { name } of strange) this.#characterNames.set(name, (this.#characterNames.get(name) ?? 0) + 1);
    this.#characters.add(line, `${strange[0]!.name} in ${excerpt(shown(text), strange[0]!.start)}`);
  }

  /** Samples show the words around it and not the thing itself: reports are passed around. */
  #seePersonal(line: number, text: string): void {
    const found = findPersonalData(text);
    if (found.length === 0) return;
    for (const kind of new Set(found.map((each) => each.kind))) {
      this.#personalKinds.set(kind, (this.#personalKinds.get(kind) ?? 0) + 1);
    }
    this.#personal.add(line, excerpt(maskPersonalData(text), found[0]!.start));
  }

  findings(): Finding[] {
    const file = this.#file;
    return [
      ...this.#mojibake.told({
        code: 'mojibake',
        severity: 'warning',
        file,
        message: `${countOf(this.#mojibake.count, 'example')} with text that was decoded wrongly (UTF-8 read as Windows-1252)`,
        advice: 'The clean step "unicode" undoes it; better still, read the source as UTF-8.',
      }),
      ...this.#characters.told({
        code: 'invisible_characters',
        severity: 'warning',
        file,
        message: `${countOf(this.#characters.count, 'example')} with control or invisible characters (${counted(this.#characterNames)})`,
        figures: Object.fromEntries(this.#characterNames),
        advice: 'The clean step "unicode" removes them.',
      }),
      ...this.#personal.told({
        code: 'personal_data',
        severity: 'warning',
        file,
        message: `${countOf(this.#personal.count, 'example')} with what is probably personal data (${counted(this.#personalKinds)})`,
        figures: Object.fromEntries(this.#personalKinds),
        advice: 'A model can repeat what it was trained on: the clean step "personal_data" masks it.',
      }),
    ];
  }
}

/** Unseen characters as a dot, so that the place shows and the terminal is not obeyed. */
const shown = (text: string): string => text.replaceAll(/(?![\t\n\r])[\p{Cc}\p{Cf}\p{Cs}]/gu, '·');

/** `email 3, phone 1`, the most frequent first. */
function counted(counts: ReadonlyMap<string, number>): string {
  const entries = [...counts].sort(([, a], [, b]) => b - a);
  const named = entries.slice(0, 6).map(([name, count]) => `${name} ${count}`);
  return named.join(', ') + (entries.length > 6 ? ', …' : '');
}
