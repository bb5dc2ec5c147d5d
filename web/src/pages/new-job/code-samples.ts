/** The same job for those who write programs: curl, Node and Python, ready to run. */

export function codeSamples(body: object, origin: string): Record<string, string> {
  const json = JSON.stringify(body, null, 2);
  return {
    curl: `curl ${origin}/v1/fine_tuning/jobs \\
  -H 'content-type: application/json' \\
  -H "authorization: Bearer $OPENAI_API_KEY" \\
  -d '${json.replaceAll("'", String.raw`'\''`)}'`,
    Node: `import OpenAI from 'openai';

const openai = new OpenAI({ baseURL: '${origin}/v1' });
const job = await openai.fineTuning.jobs.create(${json});
console.log(job.id);`,
    Python: `from openai import OpenAI

client = OpenAI(base_url="${origin}/v1")
job = client.fine_tuning.jobs.create(
${pythonArguments(body)}
)
print(job.id)`,
  };
}

function pythonArguments(body: object): string {
  return Object.entries(body)
    .map(([name, value]) => `    ${name}=${python(value, 1)},`)
    .join('\n');
}

function python(value: unknown, depth: number): string {
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (value === null || value === undefined) return 'None';
  if (typeof value !== 'object') return JSON.stringify(value);
  const [inner, outer] = ['    '.repeat(depth + 1), '    '.repeat(depth)];
  if (Array.isArray(value)) return `[${value.map((each) => python(each, depth)).join(', ')}]`;
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  return `{\n${entries.map(([name, each]) => `${inner}${JSON.stringify(name)}: ${python(each, depth + 1)},`).join('\n')}\n${outer}}`;
}
