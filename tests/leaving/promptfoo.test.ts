/** Promptfoo's configurations: imported and run here; what has no meaning is named, what is hostile gets nowhere. */

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importPromptfoo } from '../../src/leaving/promptfoo/import.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { tunesmith } from '../cli/tunesmith.ts';

let home = '';
let folder = '';
let house: TestHouse;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tunesmith-promptfoo-'));
  folder = join(home, 'config');
  await mkdir(folder);
  await writeTinyLlama(join(home, 'tiny.gguf'));
  const pulled = await tunesmith(['models', 'pull', join(home, 'tiny.gguf'), '--home', join(home, 'data')]);
  expect(pulled.code, pulled.stderr).toBe(0);
  house = await openTestHouse({ home: join(home, 'data') });
}, 60_000);
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

let count = 0;
async function write(text: string, name = `config-${(count += 1)}.yaml`): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}
const importing = (path: string, ...words: string[]) =>
  tunesmith(['openai', 'import-promptfoo', path, '--base-url', house.url, ...words]);

const config = `
description: Mail
prompts:
  - "Is this spam? {{mail.subject}}"
  - label: chat
    raw: |
      [{"role": "system", "content": "Answer {{ style }}."}, {"role": "user", "content": "{{ mail.subject }}"}]
providers:
  - id: openai:chat:ft:gpt-4o-mini-2024-07-18:acme::1
    label: tuned
    config: { temperature: 0, max_tokens: 4, apiKey: sk-secret }
  - anthropic:messages:claude
defaultTest:
  vars: { style: briefly }
  assert:
    - { type: not-contains, value: "{{mail.forbidden}}" }
tests:
  - vars: { mail: { subject: buy now, forbidden: never said } }
    assert: [{ type: not-equals, value: spam }]
  - vars: { mail: { subject: hello, forbidden: never said } }
    assert: [{ type: not-equals, value: ham }]
  - vars: { mail: { subject: tea, forbidden: never said } }
    assert:
      - { type: python, value: "len(output) < 1000 and context['vars']['style'] == 'briefly'" }
      - type: python
        metric: shape
        value: |
          text = output.upper()
          return {"pass": text is not None, "score": 0.5}
      - { type: javascript, value: "process.exit(1)" }
      - { type: latency, threshold: 100 }
`;

test('prompts, providers, tests and assertions become evals that run here, and what has no meaning is named with its place', async () => {
  const path = await write(config);
  const run = await importing(path, '--map', 'ft:gpt-4o-mini-2024-07-18:acme::1=tiny', '--json');
  expect(run.code, run.stderr).toBe(0);
  for (const said of [
    'providers[0].config.apiKey: has no meaning here',
    'providers[1]: "anthropic:messages:claude" is no model',
    'tests[2].assert[2]: assertions of type "javascript" have no meaning here.',
    'tests[2].assert[3]: assertions of type "latency" have no meaning here.',
  ])
    expect(run.stderr).toContain(`Left out: ${said}`);
  expect(run.stderr + run.stdout).not.toContain('sk-secret');
  const { evals, runs, tests } = JSON.parse(run.stdout) as {
    evals: { id: string; name: string; items: number }[];
    runs: { eval_id: string; run_id: string; prompt: string; status: string; counts: { passed: number; total: number } }[]; // prettier-ignore
    tests: number;
  };
  expect(tests).toBe(3);
  // Two kinds of tests, each with both prompts.
  expect(evals).toMatchObject([
    { name: 'Mail (1 of 2)', items: 2 },
    { name: 'Mail (2 of 2)', items: 1 },
  ]);
  expect(runs.map(({ status, counts: { passed, total } }) => [status, passed, total])).toEqual([
    ['completed', 2, 2],
    ['completed', 2, 2],
    ['completed', 1, 1],
    ['completed', 1, 1],
  ]);
  expect(runs.map(({ prompt }) => prompt)).toEqual(['Is this spam? {{mail.subject}}', 'chat', 'Is this spam? {{mail.subject}}', 'chat']); // prettier-ignore
  const items = await house.openai.evals.runs.outputItems.list(runs[1]!.run_id, { eval_id: runs[1]!.eval_id });
  // Items are judged side by side and listed as they were judged.
  expect(items.data.map(({ sample }) => sample.input)).toContainEqual([
    expect.objectContaining({ role: 'system', content: 'Answer briefly.' }),
    expect.objectContaining({ role: 'user', content: 'buy now' }),
  ]);
}, 60_000);

test('a model that this server lacks is asked for by name, and --no-run makes the evals alone', async () => {
  const path = await write(config);
  const unknown = await importing(path);
  expect(unknown).toMatchObject({ code: 2 });
  expect(unknown.stderr).toContain('There is no model ft:gpt-4o-mini-2024-07-18:acme::1 here');
  const made = await importing(path, '--model', 'tiny', '--no-run');
  expect(made.code, made.stderr).toBe(0);
  expect(made.stdout).toMatch(/^eval_\w+ {2}Mail \(1 of 2\)$/m);
});

test('each kind of assertion becomes the grader that means the same', async () => {
  const path = await write(`
prompts: ["{{q}}"]
providers:
  - openai:gpt-4o-mini
  - { id: openai:chat:gpt-4o, config: { omitDefaults: true, top_p: 0.5 } }
tests:
  - vars: { q: [a, b] }
    assert:
      - { type: equals, value: "{{q}}!" }
      - { type: contains, value: x }
      - { type: icontains, value: x }
      - { type: similar, value: x, threshold: 0.9 }
      - { type: llm-rubric, value: "is polite" }
      - { type: not-llm-rubric, value: "is rude" }
      - { type: g-eval, value: "is good", threshold: 0.7 }
      - { type: factuality, value: "Paris" }
      - { type: contains-any, value: [x, "{{q}}"] }
      - { type: assert-set, assert: [{ type: rouge-n, value: x }] }
`);
  const { evals, providers } = await importPromptfoo(path);
  expect(providers.map(({ model, sampling }) => [model, sampling])).toEqual([
    ['gpt-4o-mini', { temperature: 0, max_completion_tokens: 1024 }],
    ['gpt-4o', { top_p: 0.5 }],
  ]);
  const criteria = evals[0]!.criteria('judge') as unknown as Record<string, unknown>[];
  expect(criteria).toMatchObject([
    { type: 'string_check', operation: 'eq', input: '{{sample.output_text}}', reference: '{{item.expected.a0}}' },
    { type: 'string_check', operation: 'like' },
    { type: 'string_check', operation: 'ilike' },
    { type: 'text_similarity', evaluation_metric: 'cosine', pass_threshold: 0.9 },
    { type: 'label_model', model: 'judge', labels: ['pass', 'fail'], passing_labels: ['pass'] },
    { type: 'label_model', passing_labels: ['fail'] },
    { type: 'score_model', pass_threshold: 0.7, range: [0, 1] },
    { type: 'label_model', passing_labels: ['subset', 'superset', 'same', 'differs'] },
    { type: 'python', pass_threshold: 1 },
    { type: 'text_similarity', evaluation_metric: 'rouge_1' },
  ]);
  const [items] = evals[0]!.items;
  expect(items).toHaveLength(2);
  expect(items![1]).toMatchObject({ messages: [{ role: 'user', content: 'b' }], expected: { a0: 'b!', a8: ['x', 'b'] } }); // prettier-ignore
});

test('the checks in Python say what they should', async () => {
  const cases: readonly [assertion: string, text: string, right: boolean][] = [
    ['{ type: not-icontains, value: SPAM }', 'no spam', false],
    ['{ type: contains-all, value: [a, b] }', 'b and a', true],
    ['{ type: not-contains-any, value: "x, y" }', 'only y', false],
    ['{ type: starts-with, value: Yes }', 'Yes, sir', true],
    ['{ type: regex, value: "^\\\\d{3}$" }', '123', true],
    ['{ type: not-regex, value: "(?<year>\\\\d{4})" }', 'in 2026', false],
    ['{ type: levenshtein, value: kitten, threshold: 3 }', 'sitting', true],
    ['{ type: levenshtein, value: kitten, threshold: 2 }', 'sitting', false],
    ['{ type: is-json }', '{"a": 1}', true],
    ['{ type: not-is-json }', '{a}', true],
    ['{ type: contains-json }', 'Here: {"a": [1]} and so on', true],
    ['{ type: equals, value: { a: 1 } }', '{ "a": 1 }', true],
  ];
  const path = await write(
    `prompts: [x]\nproviders: [openai:tiny]\ntests:\n${cases.map(([assertion]) => `  - assert: [${assertion}]`).join('\n')}\n`,
  );
  const { evals } = await importPromptfoo(path);
  const found: boolean[] = [];
  for (const [i, [, text]] of cases.entries()) {
    const { name, type, source } = evals[i]!.criteria('')[0] as { name: string; type: 'python'; source: string };
    const { reward } = await house.openai.fineTuning.alpha.graders.run({
      grader: { name, type, source },
      model_sample: text,
      item: evals[i]!.items[0]![0],
    });
    found.push(reward === 1);
  }
  expect(found).toEqual(cases.map(([, , right]) => right));
}, 60_000);

test('no file outside the folder is read, no environment, no program; the rest goes on', async () => {
  await writeFile(join(home, 'secret.txt'), 'top secret');
  await symlink(join(home, 'secret.txt'), join(folder, 'link.txt'));
  await writeFile(join(folder, 'note.txt'), 'a note');
  await writeFile(join(folder, 'check.py'), 'def get_assert(output, context):\n    return True\n');
  await writeFile(join(folder, 'more.csv'), 'q,__expected\nParis?,"icontains: Paris"\n1+1,2\n');
  const path = await write(`
prompts: ["{{q}}", "file://../secret.txt", "file:///etc/hostname", "file://prompt.js", "{{ env.HOME }} {{q}}", "{% if q %}{% endif %}"]
providers: [openai:tiny]
tests:
  - { vars: { q: file://../secret.txt }, assert: [{ type: equals, value: x }] }
  - { vars: { q: file://link.txt }, assert: [{ type: equals, value: x }] }
  - { vars: { q: file://note.txt }, assert: [{ type: python, value: file://check.py }, { type: equals, value: file://../secret.txt }] }
  - { vars: { q: file://generate.py }, assert: [{ type: equals, value: x }] }
  - https://example.com/tests.yaml
  - file://more.csv
`);
  const found = await importPromptfoo(path);
  const named = found.unsupported.map(({ where, what }) => `${where} ${what}`).join('\n');
  expect(found.prompts).toEqual([{ label: '{{q}}' }]);
  for (const i of [1, 2]) expect(named).toMatch(new RegExp(`^prompts\\[${i}\\] .*(outside|not there)`, 'm'));
  expect(named).toMatch(/^prompts\[3\].*no program is run/m);
  expect(named).toMatch(/^prompts\[4\].*env\.HOME.*the environment is not told/m);
  expect(named).toMatch(/^prompts\[5\].*\{% if %\}/m);
  expect(named).toMatch(/^tests\[0\].* outside the configuration's folder/m);
  expect(named).toMatch(/^tests\[1\].* outside the configuration's folder/m);
  expect(named).toMatch(/^tests\[2\]\.assert\[1\].* outside the configuration's folder/m);
  expect(named).toMatch(/^tests\[3\].*no program is run/m);
  expect(named).toMatch(/^tests\[4\].*https/m);
  expect(JSON.stringify(found.evals.map(({ items }) => items))).not.toContain('secret');
  expect(found.tests).toBe(3);
  expect(found.evals[0]!.items[0]![0]).toMatchObject({ messages: [{ content: 'a note' }] });
});

test('what is no configuration says so, and a bomb of aliases does not go off', async () => {
  expect((await importing(await write('- 1\n'))).stderr).toContain('is no Promptfoo configuration');
  expect((await importing(await write('prompts: [x]\n'))).stderr).toContain('has no test that has a meaning here');
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]', ...'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(', ')}]`)]; // prettier-ignore
  expect((await importing(await write(bomb.join('\n')))).stderr).toMatch(/alias/i);
  const many = `prompts: ["{{a}}"]\nproviders: [openai:tiny]\ntests: [{ vars: { a: [${Array(40).fill(1).join()}], b: [${Array(40).fill(1).join()}] }, assert: [{ type: equals, value: x }] }]`; // prettier-ignore
  expect((await importing(await write(many))).stderr).toContain('more than 1000 combinations');
});
