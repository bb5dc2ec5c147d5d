/** Our side of checking in `data.ts`, in a process of its own: prints what it took to check the file it is given. */

import { checkFile } from '../src/dataset/check.ts';

const path = process.argv[2]!;
const startMs = performance.now();
const before = process.cpuUsage();
const { examples } = await checkFile(path, { role: 'training' });
const { user, system } = process.cpuUsage(before);
console.log(
  JSON.stringify({
    rows: examples,
    seconds: (performance.now() - startMs) / 1000,
    cpuSeconds: (user + system) / 1e6,
    maxRssMegabytes: process.resourceUsage().maxRSS / 1000,
  }),
);
