/**
 * Promptfoo's assertions as graders of the Evals API.
 *
 * What compares is a grader of its own kind where there is one, and otherwise a few lines of Python in the server's
 * sandbox; a rubric is a model that labels. The expected value is not in the grader but in each item, as
 * `item.expected.<n>`, so that tests with the same kinds of assertion share an eval. Python of the configuration runs
 * in that sandbox too; JavaScript, web hooks and the like have no meaning here and are named.
 */

import type { OpenAI } from 'openai';
import { invalid } from '../../domain/errors.ts';
import { isRecord, type ConfigFolder, type Values } from './source.ts';

export type Criterion = OpenAI.Evals.EvalCreateParams['testing_criteria'][number];

export interface Converted {
  /** By everything but the expected value. */
  readonly criterion: (place: number, graderModel: string) => Criterion;
  readonly expected: unknown;
  /** Equal for assertions that can share a grader. */
  readonly signature: string;
  /** Whether a model judges. */
  readonly judged: boolean;
}

const output = '{{sample.output_text}}';

/** Throws with the reason why an assertion has no counterpart. */
export async function convertAssertion(assertion: unknown, where: string, folder: ConfigFolder): Promise<Converted> {
  if (!isRecord(assertion) || typeof assertion['type'] !== 'string')
    throw invalid(null, `${where} is no assertion: an object with "type" was expected.`);
  const { type } = assertion;
  for (const field of ['transform', 'contextTransform', 'rubricPrompt'])
    if (assertion[field] !== undefined)
      throw invalid(null, `${where} (${type}) has "${field}", which has no meaning here.`);
  const [, negated, kind] = /^(not-)?(.+)$/.exec(type)!;
  const make = makers[kind!];
  if (make === undefined) throw invalid(null, `${where}: assertions of type "${type}" have no meaning here.`);
  const value = await valueOf(assertion, kind!, where, folder);
  const threshold = assertion['threshold'];
  if (threshold !== undefined && typeof threshold !== 'number')
    throw invalid(null, `${where} (${type}): "threshold" is no number.`);
  const made = make({ value, threshold, negated: negated !== undefined, where, kind: kind! });
  const title = typeof assertion['metric'] === 'string' ? assertion['metric'] : type;
  const signature = JSON.stringify([type, threshold ?? null, title, made.own ?? null]);
  return {
    criterion: (place, graderModel) =>
      ({ name: `${title} ${place + 1}`, ...made.grader(`item.expected.a${place}`, place, graderModel) }) as Criterion,
    expected: made.expected,
    signature,
    judged: made.judged === true,
  };
}

/** A value may lie in a file beside the configuration: text, or Python for the sandbox. */
async function valueOf({ value }: Values, kind: string, where: string, folder: ConfigFolder): Promise<unknown> {
  if (typeof value !== 'string' || !value.startsWith('file://')) return value;
  const [, path, name] = /^(file:\/\/.+?\.\w+)(?::(\w+))?$/.exec(value) ?? [];
  if (path === undefined || /\.(m?js|c?js|ts)$/.test(path))
    throw invalid(null, `${where} names ${value}; no program is run.`);
  const text = await folder.readText(path, where);
  if (kind !== 'python') return text;
  return `${text}\n#: ${name ?? 'get_assert'}`;
}

interface Asked {
  readonly kind: string;
  readonly value: unknown;
  readonly threshold: number | undefined;
  readonly negated: boolean;
  readonly where: string;
}

interface Made {
  readonly expected: unknown;
  readonly grader: (path: string, place: number, graderModel: string) => object;
  readonly judged?: boolean;
  /** What else tells it from others of its type. */
  readonly own?: string;
}

type Maker = (asked: Asked) => Made;

/** `{{…}}` in a grader reads a text as it stands and anything else as JSON. */
const check =
  (operation: 'eq' | 'like' | 'ilike', opposite: 'ne' | null): Maker =>
  (asked) => {
    const { value, negated } = asked;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if ((negated && opposite === null) || text === undefined || typeof value === 'object') return inPython(asked);
    return {
      expected: text,
      grader: (path) => ({
        type: 'string_check',
        input: output,
        reference: `{{${path}}}`,
        operation: negated ? opposite : operation,
      }),
    };
  };

const similarity =
  (metric: string, usual: number): Maker =>
  ({ value, threshold = usual, negated, where, kind }) => {
    if (negated) throw invalid(null, `${where}: assertions of type "not-${kind}" have no meaning here.`);
    return {
      expected: textIn(value, where),
      grader: (path) => ({
        type: 'text_similarity',
        input: output,
        reference: `{{${path}}}`,
        evaluation_metric: metric,
        pass_threshold: threshold,
      }),
    };
  };

const judge =
  (ask: string, labels: readonly string[], passing: readonly string[]): Maker =>
  ({ value, threshold, negated, where }) => ({
    expected: textIn(value, where),
    judged: true,
    grader: (path, _, model) => {
      const input = [
        { role: 'developer', content: ask },
        { role: 'user', content: `Criterion:\n{{${path}}}\n\nAnswer to judge:\n${output}` },
      ];
      if (threshold !== undefined && !negated) return { type: 'score_model', model, input, range: [0, 1], pass_threshold: threshold }; // prettier-ignore
      const passes = negated ? labels.filter((label) => !passing.includes(label)) : passing;
      return { type: 'label_model', model, input, labels, passing_labels: passes };
    },
  });

const makers: Readonly<Record<string, Maker>> = {
  equals: check('eq', 'ne'),
  contains: check('like', null),
  icontains: check('ilike', null),
  'contains-all': (asked) => inPython(asked),
  'contains-any': (asked) => inPython(asked),
  'icontains-all': (asked) => inPython(asked),
  'icontains-any': (asked) => inPython(asked),
  'starts-with': (asked) => inPython(asked),
  regex: (asked) => inPython(asked),
  levenshtein: (asked) => inPython(asked),
  'is-json': (asked) => inPython(withoutSchema(asked)),
  'contains-json': (asked) => inPython(withoutSchema(asked)),
  python: (asked) => ofTheUser(asked),
  similar: similarity('cosine', 0.75),
  'rouge-n': similarity('rouge_1', 0.75),
  bleu: similarity('bleu', 0.5),
  gleu: similarity('gleu', 0.5),
  meteor: similarity('meteor', 0.5),
  'llm-rubric': judge(
    'Judge whether the answer meets the criterion. Choose pass if it does, and fail if it does not.',
    ['pass', 'fail'],
    ['pass'],
  ),
  'g-eval': judge('Judge how well the answer meets the criterion.', ['pass', 'fail'], ['pass']),
  'model-graded-closedqa': judge(
    'Judge whether the answer meets the criterion. Choose yes if it does, and no if it does not.',
    ['yes', 'no'],
    ['yes'],
  ),
  factuality: judge(
    'The criterion is an expert answer. Compare the facts of both, whatever their style. Choose subset, superset or same if the answer agrees with the expert as far as it goes, differs if what differs does not matter for the facts, and contradicts if they disagree.',
    ['subset', 'superset', 'same', 'differs', 'contradicts'],
    ['subset', 'superset', 'same', 'differs'],
  ),
};

function withoutSchema(asked: Asked): Asked {
  if (asked.value !== undefined && asked.value !== null)
    throw invalid(null, `${asked.where} (${asked.kind}) has a schema, which is not checked here.`);
  return asked;
}

function textIn(value: unknown, where: string): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw invalid(null, `${where} has no text as its value.`);
}

/** The checks that no grader makes by itself, in Python that is ours. */
const checks = `
import json, re

def _json(text):
    try:
        json.loads(text)
        return True
    except ValueError:
        return False

def _contains_json(text):
    decoder = json.JSONDecoder()
    for at, letter in enumerate(text):
        if letter in "{[":
            try:
                decoder.raw_decode(text, at)
                return True
            except ValueError:
                pass
    return False

def _equal(text, value):
    if isinstance(value, (dict, list)):
        try:
            return json.loads(text) == value
        except ValueError:
            return False
    return text == str(value)

def _distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]

def _texts(value):
    return [str(each) for each in value] if isinstance(value, list) else [part.strip() for part in str(value).split(",")]

def _check(kind, text, value, threshold):
    low = text.lower()
    if kind == "equals": return _equal(text, value)
    if kind == "contains": return str(value) in text
    if kind == "icontains": return str(value).lower() in low
    if kind == "contains-all": return all(each in text for each in _texts(value))
    if kind == "contains-any": return any(each in text for each in _texts(value))
    if kind == "icontains-all": return all(each.lower() in low for each in _texts(value))
    if kind == "icontains-any": return any(each.lower() in low for each in _texts(value))
    if kind == "starts-with": return text.startswith(str(value))
    if kind == "regex": return re.search(str(value).replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!"), text) is not None
    if kind == "levenshtein": return _distance(text, str(value)) <= threshold
    if kind == "is-json": return _json(text)
    if kind == "contains-json": return _contains_json(text)
    raise ValueError(kind)
`;

/** Strings of JSON are strings of Python. */
const literal = (value: string | number): string => JSON.stringify(value);

function inPython({ kind, value, threshold = 5, negated }: Asked): Made {
  return {
    expected: value ?? null,
    grader: (_, place) => ({
      type: 'python',
      pass_threshold: 1,
      source: `${checks}
def grade(sample, item):
    right = _check(${literal(kind)}, sample.get("output_text") or "", item["expected"][${literal(`a${place}`)}], ${literal(threshold)})
    return 1.0 if right ${negated ? 'is False' : 'else 0.0'}${negated ? ' else 0.0' : ''}
`,
    }),
  };
}

/** An expression, the body of a function, or a file with `get_assert(output, context)`: whatever the configuration brings. */
function ofTheUser({ value, threshold, negated, where }: Asked): Made {
  const source = textIn(value, where);
  const [, named] = /\n#: (\w+)$/.exec(source) ?? [];
  const lines = source.trim().split('\n');
  const body =
    named !== undefined
      ? `${source}\n_assert = ${named}`
      : lines.length === 1
        ? `def _assert(output, context):\n    return (${lines[0]})`
        : `def _assert(output, context):\n${source.split('\n').map((line) => `    ${line}`).join('\n')}`; // prettier-ignore
  return {
    expected: null,
    own: source,
    grader: () => ({
      type: 'python',
      pass_threshold: threshold ?? 1e-9,
      source: `${body}

def _score(result):
    if isinstance(result, dict):
        passed = result.get("pass", result.get("pass_", True))
        return float(result.get("score", 1.0)) if passed else 0.0
    return float(result)

def grade(sample, item):
    score = _score(_assert(sample.get("output_text") or "", {"vars": item["vars"], "prompt": item["prompt"]}))
    return ${negated ? '(1.0 if score <= 0 else 0.0)' : 'score'}
`,
    }),
  };
}
