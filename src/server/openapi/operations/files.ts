/** Files, their rows, and uploads in parts. */

import {
  anyObject,
  arrayOf,
  download,
  listOf,
  object,
  orNull,
  row,
  schema,
  text,
  textOrNull,
  truth,
  whole,
  wholeOrNull,
  type Operations,
} from './operation.ts';

const problem = object({
  code: text,
  severity: { enum: ['error', 'warning'] },
  line: wholeOrNull,
  path: text,
  found: text,
  expected: text,
  suggestion: textOrNull,
  message: text,
});
const wholes = arrayOf(whole);
const tokenSequence = object({
  title: textOrNull,
  length: whole,
  supervised: whole,
  cut: whole,
  label: textOrNull,
  ids: wholes,
  texts: arrayOf(text),
  loss: wholes,
  special: wholes,
});
const repairChange = object({ name: text, line: whole, path: text, before: text, after: text });
const fileExample = object({
  object: { const: 'file.example' },
  line: whole,
  format: { enum: ['chat', 'completion', 'preference', 'reinforcement'] },
  value: {},
  text: textOrNull,
  bytes: whole,
  problems: arrayOf(problem),
  repair: orNull(object({ value: {}, changes: arrayOf(repairChange), broken: truth })),
  sequences: orNull(arrayOf(tokenSequence)),
  refusal: textOrNull,
});
const fileEdits = object(
  {
    edits: arrayOf(object({ line: { type: 'integer', minimum: 1 }, value: orNull(anyObject) })),
    add: arrayOf(anyObject),
    repair: truth,
    drop: truth,
    filename: text,
  },
  [],
);

export const fileOperations: Operations = {
  'POST /v1/files': row('Files', 'Upload a file.'),
  'GET /v1/files': row('Files', 'List files, newest first.'),
  'GET /v1/files/:id': row('Files', 'Look at a file.'),
  'GET /v1/files/:id/content': row('Files', 'Download the bytes of a file.', {
    response: download('application/octet-stream'),
  }),
  'DELETE /v1/files/:id': row('Files', 'Delete a file.'),
  'GET /v1/files/:id/examples': row(
    'Files',
    'Rows of a training file from line `after` on, with what is wrong with each, how it could be mended and, with `model`, which tokens carry loss. `query` asks for words, `lines` for lines such as `4,17`, `faulty=true` for rows with errors.',
    { response: listOf(fileExample) },
  ),
  'POST /v1/files/:id/edits': row(
    'Files',
    'Make a new file of this one: lines edited or taken out (`value: null`), rows added at the end, errors repaired, and with `drop` left out where they cannot be. The file itself stays.',
    { request: fileEdits, response: schema('OpenAIFile') },
  ),

  'POST /v1/uploads': row('Uploads', 'Begin an upload of up to 8 GB, to be sent in parts.'),
  'POST /v1/uploads/:id/parts': row('Uploads', 'Send a part of up to 64 MiB; parts may come side by side.'),
  'POST /v1/uploads/:id/complete': row('Uploads', 'Make a file of the parts, in the order given.'),
  'POST /v1/uploads/:id/cancel': row('Uploads', 'Give an upload up.'),
};
