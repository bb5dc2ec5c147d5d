/** docs/leaving-openai.md is walked: its commands in their order, against our own server playing OpenAI. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import type { Restored } from '../../src/leaving/restore.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { examples, openPlatform } from './platform.ts';

const page = resolve(import.meta.dirname, '../../docs/leaving-openai.md');

test('the page leads from a capture to a comparison, with a server of its own where none runs', async () => {
  await using platform = await openPlatform();
  const home = await mkdtemp(join(tmpdir(), 'tunesmith-walk-'));
  try {
    await writeFile(join(home, 'test.jsonl'), examples(300, 8));
    await writeTinyLlama(join(home, 'other.gguf'), { seed: 3 });
    await writeFile(
      join(home, 'promptfooconfig.yaml'),
      'prompts: ["{{q}}"]\nproviders: [openai:gpt-4o]\ntests: [{ vars: { q: hi }, assert: [{ type: not-equals, value: x }] }]\n',
    );
    const blocks = [...(await readFile(page, 'utf8')).matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block!);
    const lines = blocks.flatMap((block) => block.trim().split('\n'));
    const commands = lines.filter((line) => line.startsWith('tunesmith '));
    expect(commands).toHaveLength(7);
    let ours = '';
    for (const command of commands) {
      const words = command
        .split(' ')
        .slice(1)
        .map((word) => word.replace(/^ft:gpt-.*/, platform.job.fine_tuned_model).replace(/^ft:smollm2-.*/, ours))
        .map((word) => (/^(openai-capture$|test\.jsonl|parity\.html|promptfooconfig)/.test(word) ? join(home, word) : word))
        .map((word) => (word === 'smollm2-135m-instruct' ? (command.includes('pull') ? join(home, 'other.gguf') : 'other') : word)); // prettier-ignore
      const there = /openai (capture|record)/.test(command);
      const { code, stdout, stderr } = await tunesmith([...words, '--home', join(home, 'data')], {
        env: { OPENAI_API_KEY: 'sk-test-0123456789', ...(there && { OPENAI_BASE_URL: platform.url }) },
      });
      expect(code, `${command}\n${stderr}`).toBe(0);
      ours = /^model \S+ is (ft:\S+), made$/m.exec(stdout)?.[1] ?? ours;
      if (command.includes('parity')) expect(stdout).toMatch(/^(Yes|Not yet|Not shown)/m);
      if (command.includes('promptfoo')) expect(stdout).toMatch(/^Promptfoo .* 1\/1 /m);
    }
    expect(ours).toMatch(/^ft:other:personal:mail:\w{8}$/);
    expect(await readFile(join(home, 'parity.html'), 'utf8')).toContain(ours);
    const again = await tunesmith(['openai', 'restore', join(home, 'openai-capture'), '--model', 'other', '--json', '--home', join(home, 'data')]); // prettier-ignore
    const { restored } = JSON.parse(again.stdout) as { restored: Restored[] };
    expect(restored.filter(({ state }) => state === 'made')).toEqual([]);
  } finally {
    await rm(home, { recursive: true });
  }
}, 120_000);
