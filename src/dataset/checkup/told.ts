/** What was found of a file in the shapes of the wire, each list cut to a bound. */

import type { DataFinding, FileDistribution, FileStatistics, SuggestedRepair } from '../../domain/file-check.ts';
import { openAIEncodings } from '../../text/openai-encoding.ts';
import type { FileRole } from '../faults.ts';
import type { Finding } from '../findings/finding.ts';
import { repairTitles } from '../repair/changes.ts';
import type { PlannedRepair } from '../repair/repair.ts';
import type { Statistics } from '../statistics/statistics.ts';
import type { Distribution } from '../statistics/tally.ts';

const linesMax = 200;
const groupsMax = 50;
const groupLinesMax = 20;
const labelsMax = 100;

/** What the repair would do, which is known once it was done and thrown away. */
export async function repairOf(planned: PlannedRepair): Promise<SuggestedRepair> {
  for await (const _ of planned.chunks()); // nothing is kept
  const { rowsRead, rowsWritten, repairs, broken } = planned.report();
  return {
    rows_read: rowsRead,
    rows_written: rowsWritten,
    repairs: repairs.map((repair) => ({ ...repair, title: repairTitles[repair.name] })),
    broken: broken.length,
    broken_lines: broken.slice(0, linesMax),
  };
}

/** Those of the file itself, and what it has in common with the other; lines are always its own. */
export function findingsOf(findings: readonly Finding[], role: FileRole): DataFinding[] {
  return findings
    .filter(({ file, counterparts, code }) => file === role || counterparts !== null || code === 'drift')
    .map((finding) => {
      const { code, severity, message, advice } = finding;
      const { lines, groups, counterparts, samples } = finding.file === role ? finding : turned(finding);
      return {
        code,
        severity,
        message,
        advice,
        line_count: lines.length,
        lines: lines.slice(0, linesMax),
        group_count: groups.length,
        groups: groups.slice(0, groupsMax).map((group) => group.slice(0, groupLinesMax)),
        counterparts: counterparts?.lines.slice(0, linesMax) ?? null,
        samples: samples.map(({ line, text }) => ({ line, text })),
      };
    });
}

/** A leak as the other file sees it. */
function turned(finding: Finding): Finding {
  const { counterparts, lines, samples } = finding;
  if (counterparts === null) return { ...finding, lines: [], groups: [], samples: [] };
  return {
    ...finding,
    lines: counterparts.lines,
    groups: [],
    counterparts: { file: finding.file, lines },
    samples: samples.map(({ line, text }) => ({
      line: counterparts.lines[lines.indexOf(line)]!,
      text: text.replace(/^\(line \d+ there\)/, `(line ${line} there)`),
    })),
  };
}

export function statisticsTold(statistics: Statistics, base: string | null): FileStatistics {
  const { examples, withImages, messages, turns, roles, missing, tokens, limits, labels, languages } = statistics;
  return {
    examples,
    with_images: withImages,
    messages: distribution(messages),
    turns: distribution(turns),
    roles,
    missing_system: missing.system,
    missing_user: missing.user,
    tokens: tokens.map(({ counter, refused, supervised, context, perExample, perAnswer }) => ({
      counter,
      here: counter === base && !openAIEncodings.some((name) => name === counter),
      refused,
      supervised,
      context,
      per_example: distribution(perExample),
      per_answer: distribution(perAnswer),
    })),
    limits: limits.map(({ models, tokensMax, over, lines }) => ({ models, tokens_max: tokensMax, over, lines })),
    labels: labels === null ? null : { ...labels, labels: labels.labels.slice(0, labelsMax) },
    languages,
    repeated_prompts: statistics.repeatedPrompts,
    repeated_answers: statistics.repeatedAnswers,
  };
}

function distribution(found: Distribution | null): FileDistribution | null {
  if (found === null) return null;
  const { count, total, mean, min, p5, p50, p95, max, histogram } = found;
  return { count, total, mean, min, p5, p50, p95, max, histogram };
}
