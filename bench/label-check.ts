/**
 * How many wrong labels are found: real mails of the quickstart, of which so many labels were turned round by lot.
 *
 *   npx tsx bench/label-check.ts [mails, 400] [turned, 20]
 */

import { checkLabels } from '../src/evals/advice/labels.ts';
import type { TestItem } from '../src/evals/task.ts';
import { spamSplits } from '../src/quickstart/spam.ts';
import { seededRandom, shuffled } from '../src/random.ts';

const [mails = 400, turned = 20] = process.argv.slice(2).map(Number);
const { training } = spamSplits({ training: mails, validation: 0, test: 0 }, 7);
const labels = [...new Set(training.map(({ label }) => label))];

for (const seed of [1, 2, 3]) {
  const wrong = new Set(shuffled([...training.keys()], seededRandom(seed)).slice(0, turned));
  const items = training.map(({ prompt, label }, i) => ({
    line: i + 1,
    input: prompt,
    reference: { role: 'assistant', content: wrong.has(i) ? labels.find((other) => other !== label)! : label },
  })) as TestItem[];
  const before = process.cpuUsage();
  const { suspected, agreement } = await checkLabels(items);
  const { user } = process.cpuUsage(before);
  const isTurned = ({ line }: { line: number }): boolean => wrong.has(line - 1);
  console.log(
    JSON.stringify({
      seed,
      mails: items.length,
      turned,
      suspected: suspected.length,
      turnedAmongSuspected: suspected.filter(isTurned).length,
      turnedAmongFirst20: suspected.slice(0, 20).filter(isTurned).length,
      agreement: agreement.value,
      cpuSeconds: user / 1e6,
    }),
  );
}
