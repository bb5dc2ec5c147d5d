/**
 * Everything worth knowing about correct data: one accumulator for a training file and what is held out from it.
 *
 * Files are seen one after the other, the training file first. The cheap detectors cost little beside reading a row
 * and keep little of it, so that the server runs them on every file it validates; the others compare examples with
 * each other and are for somebody who waits.
 */

import type { AnyExample } from '../../domain/example.ts';
import { partsOf } from '../parts.ts';
import { Answers } from './answers.ts';
import { Boilerplate } from './boilerplate.ts';
import { Content } from './content.ts';
import { Drift } from './drift.ts';
import { Duplicates, type DuplicateOptions } from './duplicates.ts';
import type { DataRole, Detector, Finding, FindingSeverity } from './finding.ts';
import { LanguageReader } from './language.ts';
import { Labels } from './labels.ts';
import { LanguageOutliers, LengthOutliers } from './outliers.ts';

export interface SeenRow {
  readonly line: number;
  /** Rows that are not correct are passed over. */
  readonly checked: AnyExample | null;
}

export class Findings {
  /** Those that look at each file by itself. */
  readonly #perFile = new Map<DataRole, readonly Detector[]>();
  readonly #detectors: (file: DataRole) => readonly Detector[];
  /** Those that compare the files. */
  readonly #across: readonly Detector[];

  private constructor(detectors: (file: DataRole) => readonly Detector[], across: readonly Detector[]) {
    this.#detectors = detectors;
    this.#across = across;
  }

  /** What fits beside a validation: constant work per row. */
  static cheap(): Findings {
    return new Findings((file) => [new Content(file), new Labels(file), new Answers(file)], []);
  }

  static async open(options: DuplicateOptions = {}): Promise<Findings> {
    const reader = await LanguageReader.open();
    const detectors = (file: DataRole): Detector[] => [
      new Content(file),
      new Labels(file),
      new Answers(file),
      new Boilerplate(file),
      new LengthOutliers(file),
      new LanguageOutliers(file, reader),
    ];
    const comparing = options.across === true ? [new Drift(reader)] : [];
    return new Findings(detectors, [new Duplicates(options), ...comparing]);
  }

  see(file: DataRole, { line, checked }: SeenRow): void {
    if (checked === null) return;
    let detectors = this.#perFile.get(file);
    if (detectors === undefined) {
      detectors = this.#detectors(file);
      this.#perFile.set(file, detectors);
    }
    const example = { file, line, format: checked.format, parts: partsOf(checked) };
    for (const detector of [...detectors, ...this.#across]) detector.see(example);
  }

  /** The worst first; within one severity in the order of the files. */
  async findings(): Promise<Finding[]> {
    const findings: Finding[] = [];
    for (const detector of [...[...this.#perFile.values()].flat(), ...this.#across]) {
      findings.push(...(await detector.findings()));
    }
    const rank = ({ severity, file }: Finding): number => 3 * severities.indexOf(severity) + roles.indexOf(file);
    return findings.sort((a, b) => rank(a) - rank(b));
  }
}

export const severities: readonly FindingSeverity[] = ['error', 'warning', 'note'];
const roles: readonly DataRole[] = ['training', 'validation', 'test'];
