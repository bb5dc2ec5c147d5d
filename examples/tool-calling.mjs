/**
 * Teaches a model to call functions, and counts how well it does: the official SDK and nothing of ours.
 *
 *   OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=tunesmith \
 *     node examples/tool-calling.mjs smollm2-135m-instruct
 *
 * A house understands four functions. Requests are put together from phrases by a seeded generator, so every run has
 * the same ones; those for the test are kept apart from those for training, word for word. Counted, for the base
 * model and for the fine-tuned one: answers that are one well-formed call (a defined function, arguments that are
 * JSON and fit its schema), calls that are right in every argument, and answers that fit a JSON schema when one is
 * asked for. `--train` and `--test` set how many requests there are, `--epochs` how often they are seen.
 */

import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Ajv } from 'ajv';
import OpenAI, { toFile } from 'openai';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    train: { type: 'string', default: '240' },
    test: { type: 'string', default: '60' },
    epochs: { type: 'string', default: '2' },
  },
});
const [base] = positionals;
if (base === undefined) {
  console.error('Usage: node examples/tool-calling.mjs <model> [--train 240] [--test 60] [--epochs 2]');
  process.exit(2);
}

const rooms = ['kitchen', 'bedroom', 'living room', 'hallway', 'garage', 'office', 'bathroom', 'attic'];
const cities = [
  'Paris',
  'Lima',
  'Oslo',
  'Cairo',
  'Rome',
  'Tokyo',
  'Lagos',
  'Quito',
  'Bern',
  'Delhi',
  'Havana',
  'Sofia',
];
const artists = ['Nina Simone', 'Miles Davis', 'Mozart', 'Bach', 'Billie Holiday', 'Chopin', 'Etta James', 'Satie'];
const days = ['today', 'tomorrow', 'on Friday', 'on Sunday'];

const tools = [
  tool('set_light', 'Turn the light of a room on or off', {
    room: { type: 'string' },
    state: { type: 'string', enum: ['on', 'off'] },
  }),
  tool('set_temperature', 'Heat or cool a room', { room: { type: 'string' }, celsius: { type: 'integer' } }),
  tool('get_weather', 'Tell the weather of a city', { city: { type: 'string' }, day: { type: 'string' } }),
  tool('play_music', 'Play an artist in a room', { artist: { type: 'string' }, room: { type: 'string' } }),
];

/** Each gives a request and the call that it asks for. */
const makers = [
  (pick) => {
    const [room, state] = [pick(rooms), pick(['on', 'off'])];
    const text = pick([
      `Turn ${state} the light in the ${room}, please.`,
      `${room} light ${state}`,
      `Could you switch the ${room} light ${state}?`,
      `I want the light in the ${room} to be ${state}.`,
    ]);
    return { text, name: 'set_light', args: { room, state } };
  },
  (pick) => {
    const [room, celsius] = [pick(rooms), 15 + pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])];
    const text = pick([
      `Set the ${room} to ${celsius} degrees.`,
      `Make it ${celsius} degrees in the ${room}.`,
      `The ${room} should have ${celsius} degrees, please.`,
      `${celsius} degrees for the ${room}`,
    ]);
    return { text, name: 'set_temperature', args: { room, celsius } };
  },
  (pick) => {
    const [city, day] = [pick(cities), pick(days)];
    const text = pick([
      `What will the weather be in ${city} ${day}?`,
      `Weather in ${city} ${day}?`,
      `Do I need an umbrella in ${city} ${day}?`,
      `Tell me how the weather in ${city} is ${day}.`,
    ]);
    return { text, name: 'get_weather', args: { city, day: day.replace('on ', '') } };
  },
  (pick) => {
    const [artist, room] = [pick(artists), pick(rooms)];
    const text = pick([
      `Play ${artist} in the ${room}.`,
      `I would like to hear ${artist} in the ${room}.`,
      `Some ${artist} for the ${room}, please!`,
      `Put on ${artist} in the ${room}`,
    ]);
    return { text, name: 'play_music', args: { artist, room } };
  },
];

const requests = distinctRequests(Number(values.train) + Number(values.test));
const [training, held] = [requests.slice(0, Number(values.train)), requests.slice(Number(values.train))];
const openai = new OpenAI();
const ajv = new Ajv();
const fits = Object.fromEntries(tools.map(({ function: { name, parameters } }) => [name, ajv.compile(parameters)]));

const lines = training.map(({ text, name, args }, i) => ({
  messages: [
    { role: 'user', content: text },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: `call_${i}`, type: 'function', function: { name, arguments: JSON.stringify(args) } }],
    },
  ],
  tools,
}));
const upload = await toFile(Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n')), 'calls.jsonl');
const file = await openai.files.create({ file: upload, purpose: 'fine-tune' });
const hyperparameters = { n_epochs: Number(values.epochs) };
const created = await openai.fineTuning.jobs.create({
  model: base,
  training_file: file.id,
  suffix: 'calls',
  hyperparameters,
});
const job = await follow(created.id);
if (job.status !== 'succeeded') {
  console.error(`${job.id} ${job.status}: ${job.error?.message ?? 'no reason was given'}`);
  process.exit(1);
}

for (const model of [base, job.fine_tuned_model]) {
  const calls = await each(held, (request) => called(model, request));
  const shaped = await each(held, (request) => inShape(model, request));
  const share = (list, counts) => `${((100 * list.filter(counts).length) / list.length).toFixed(1)} %`;
  console.log(`${model}, ${held.length} requests that were not trained on`);
  console.log(`  well-formed calls        ${share(calls, ({ formed }) => formed)}`);
  console.log(`  right in every argument  ${share(calls, ({ right }) => right)}`);
  console.log(`  fits the JSON schema     ${share(shaped, (fit) => fit)}`);
}

/** One answer to a request with all functions on offer: is it one call that is well formed, and is it the right one? */
async function called(model, { text, name, args }) {
  const messages = [{ role: 'user', content: text }];
  const { choices } = await openai.chat.completions.create({ model, messages, tools, temperature: 0, max_tokens: 100 });
  const { finish_reason, message } = choices[0];
  const call = message.tool_calls?.length === 1 ? message.tool_calls[0].function : null;
  const parsed = call === null ? null : parse(call.arguments);
  const formed = finish_reason === 'tool_calls' && call !== null && (fits[call.name]?.(parsed) ?? false);
  return { formed, right: formed && call.name === name && sorted(parsed) === sorted(args) };
}

/** The same request with the arguments wanted as JSON instead. */
async function inShape(model, { text, name }) {
  const schema = { ...tools.find((each) => each.function.name === name).function.parameters };
  const { choices } = await openai.chat.completions.create({
    model,
    messages: [{ role: 'user', content: text }],
    response_format: { type: 'json_schema', json_schema: { name, strict: true, schema } },
    temperature: 0,
    max_tokens: 400,
  });
  return fits[name](parse(choices[0].message.content));
}

function tool(name, description, properties) {
  const parameters = { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
  return { type: 'function', function: { name, description, parameters } };
}

/** Never the same request twice, so what is held out was not trained on. */
function distinctRequests(count) {
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647; // Lehmer's generator
  const pick = (list) => list[Math.floor(random() * list.length)];
  const found = new Map();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 100 * count) throw new Error(`there are no ${count} different requests; ask for fewer`);
    const request = pick(makers)(pick);
    found.set(request.text, request);
  }
  return [...found.values()];
}

async function follow(id) {
  const seen = new Set();
  for (;;) {
    const job = await openai.fineTuning.jobs.retrieve(id);
    const { data } = await openai.fineTuning.jobs.listEvents(id, { limit: 100 });
    for (const event of data.reverse()) {
      if (!seen.has(event.id)) console.log(event.message);
      seen.add(event.id);
    }
    if (['succeeded', 'failed', 'cancelled'].includes(job.status)) return job;
    await sleep(1000);
  }
}

/** Eight requests at a time: the server answers them together. */
async function each(list, work) {
  const results = [];
  for (let i = 0; i < list.length; i += 8) results.push(...(await Promise.all(list.slice(i, i + 8).map(work))));
  return results;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function sorted(value) {
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => a.localeCompare(b)));
}
