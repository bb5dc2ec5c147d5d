/** docs/api-coverage.md, from what a run has shown. */

import type { Endpoint, Parameter, Refusal } from './coverage.ts';

/** What an official schema does not allow and is sent all the same. */
export interface Difference {
  /** Below which address, after `/v1`. */
  readonly where: string;
  readonly path: RegExp;
  readonly problem: RegExp;
  readonly why: string;
}

export function coveragePage(endpoints: readonly Endpoint[], differences: readonly Difference[]): string {
  const official = endpoints.filter(({ own }) => !own);
  const own = endpoints.filter((endpoint) => endpoint.own);
  const all = official.flatMap(({ parameters }) => parameters);
  const served = official.filter((endpoint) => endpoint.served);
  const rows = official.map((endpoint) =>
    row(endpoint.served ? link(endpoint) : title(endpoint), endpoint.parameters, endpoint.served),
  );
  const detailed = served.filter(({ parameters }) => parameters.length > 0);
  const groups = [...new Set(detailed.map(({ group }) => group))];
  return `# API coverage

Written by \`npx vitest run tests/conformance -u\`, which drives every endpoint with the unmodified \`openai\` package and
holds each answer and each event of a stream against OpenAI's own schemas. A test fails when this page is not what the
run shows. \`tests/python\` and \`tests/frameworks\` do the same journeys with the Python SDK, LangChain and the AI SDK.

- **Supported**: honoured as OpenAI documents it, up to the note beside it.
- **No effect**: accepted, because it asks for nothing that a local model does otherwise.
- **Refused**: answered with 400 and the code shown, because leaving it out silently would change the answer.

**${served.length} of ${official.length} endpoints (${percent(served.length, official.length)}); ${taken(all)} of ${all.length} parameters are accepted (${percent(taken(all), all.length)}), ${count(all, 'supported')} of them with their effect (${percent(count(all, 'supported'), all.length)}).**

| Endpoint | Supported | No effect | Refused | Accepted |
| --- | --: | --: | --: | --: |
${rows.join('\n')}
${row('**Total**', all, true)}

Only OpenAI's endpoints for files, uploads, fine-tuning, graders, models, chat, completions, responses, embeddings,
batches and evals are counted; images, audio, assistants, vector stores, realtime and moderation are no part of this
server, and answer 404.

${own.length === 0 ? '' : `Tunesmith's own, on top: ${own.map((endpoint) => `\`${title(endpoint)}\``).join(', ')}.\n`}
## Where answers differ from OpenAI's schemas

${differences.map(({ where, why }) => `- ${where === '' ? 'Lists' : `\`${where}\``}: ${why}.`).join('\n')}

${groups.map((name) => section(name, detailed)).join('\n')}`;
}

const section = (name: string, endpoints: readonly Endpoint[]): string => {
  const inGroup = endpoints.filter(({ group }) => group === name);
  return `## ${name}\n\n${inGroup.map(details).join('\n')}`;
};

function details(endpoint: Endpoint): string {
  const head = '| Parameter | In | Here | |\n| --- | --- | --- | --- |';
  const rows = endpoint.parameters.map(({ name, place, fate, note, refusals }) => {
    const how = refusals.map((refusal) => told(refusal, fate));
    return `| \`${name}\` | ${place} | ${fate} | ${[cell(note), ...how].filter((text) => text !== '').join('<br>')} |`;
  });
  return `### ${title(endpoint)}\n\n${head}\n${rows.join('\n')}\n`;
}

function told({ said, status, code, message }: Refusal, fate: Parameter['fate']): string {
  const answer = `${status} ${code === null ? '' : `\`${code}\``}: ${cell(message)}`;
  return fate === 'refused' ? answer : `\`${cell(said)}\` → ${answer}`;
}

const row = (name: string, parameters: readonly Parameter[], served: boolean): string =>
  served
    ? `| ${name} | ${count(parameters, 'supported')} | ${count(parameters, 'no effect')} | ${count(parameters, 'refused')} | ${percent(taken(parameters), parameters.length)} |`
    : `| ${name} | 0 | 0 | ${parameters.length} | not served |`;

const title = ({ method, path }: Endpoint): string => `${method} ${path}`;
const link = (endpoint: Endpoint): string => {
  const anchor = title(endpoint)
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-');
  return endpoint.parameters.length === 0 ? title(endpoint) : `[${title(endpoint)}](#${anchor})`;
};

const count = (parameters: readonly Parameter[], fate: Parameter['fate']): number =>
  parameters.filter((parameter) => parameter.fate === fate).length;
const taken = (parameters: readonly Parameter[]): number =>
  count(parameters, 'supported') + count(parameters, 'no effect');
/** What has no parameters is accepted whole. */
const percent = (part: number, whole: number): string => `${whole === 0 ? 100 : Math.floor((100 * part) / whole)} %`;
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
