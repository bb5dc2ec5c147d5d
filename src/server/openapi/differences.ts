/**
 * Where our shapes differ from those of OpenAI's document.
 *
 * Parameters that are refused are not in ours; of the others it says what `parameters.ts` says. Our own
 * hyper-parameters are there, methods of training that there are not are left out, and fields are nullable where the
 * live service sends null although its document does not allow it.
 */

import { z } from 'zod';
import { batchEndpoints } from '../../domain/batch.ts';
import { uploadPurposes } from '../../domain/file.ts';
import { hyperparameterFields, preferenceFields } from '../../jobs/request.ts';
import { labelsField } from '../labels-field.ts';
import {
  chatParameters,
  completionParameters,
  embeddingParameters,
  responseParameters,
  type Treatment,
} from '../parameters.ts';

export type Schemas = Readonly<Record<string, object>>;

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** What becomes of the parameters of each request body that has a table of them. */
export const treatments: Readonly<Record<string, Readonly<Record<string, Treatment>>>> = {
  CreateChatCompletionRequest: chatParameters,
  CreateResponse: responseParameters,
  CreateCompletionRequest: completionParameters,
  CreateEmbeddingRequest: embeddingParameters,
};

const ourHyperparameters = z.toJSONSchema(z.object(hyperparameterFields), { io: 'input' }).properties as Record<
  string,
  Schema
>;

const preferenceHyperparameters = z.toJSONSchema(z.object(preferenceFields), { io: 'input' }).properties as Record<
  string,
  Schema
>;

/** What becomes of a field; undefined takes it away. */
type Change = (field: Schema) => Schema | undefined;

/** Ours: an answer is held to labels, where a request says so, and tells how probable each was. */
const labels = z.toJSONSchema(z.object({ labels: labelsField }), { io: 'input' }).properties as Record<string, Schema>;

/** Parameters of ours beside OpenAI's, by the body's schema. */
export const ourParameters: Readonly<Record<string, Readonly<Record<string, Schema>>>> = {
  CreateChatCompletionRequest: labels,
  CreateResponse: labels,
};

const labelProbabilities: Change = () => ({ type: 'object', additionalProperties: { type: 'number' } });

const nullable: Change = (field) => ({ anyOf: [field, { type: 'null' }] });
const gone: Change = () => undefined;
const oneOf =
  (values: readonly string[]): Change =>
  () => ({ type: 'string', enum: values });
const or =
  (values: readonly string[]): Change =>
  (field) => ({ ...field, enum: [...(field.enum ?? []), ...values] });
const withOurs: Change = (field) => ({ ...field, properties: { ...field.properties, ...ourHyperparameters } });
const withPreferences: Change = (field) => ({
  ...field,
  properties: { ...field.properties, ...preferenceHyperparameters },
});
const nullableList: Change = (field) => ({ ...field, items: nullable(field.items!)! });

/** Ours: a criterion may be a formula over several graders. */
const orFormula: Change = (criterion) => ({ anyOf: [criterion, { $ref: '#/components/schemas/GraderMulti' }] });

/** Ours: another server that answers. */
const endpoint: Schema = {
  type: 'object',
  properties: { base_url: { type: 'string' }, api_key: { type: 'string' } },
  required: ['base_url'],
};

/** Ours: what a file was made from, and how. */
const derivation: Schema = {
  type: 'object',
  properties: {
    file_id: { type: 'string' },
    filename: { type: 'string' },
    sha256: { type: 'string' },
    edited: { type: 'integer' },
    removed: { type: 'integer' },
    added: { type: 'integer' },
    left_out: { type: 'integer' },
    repairs: { anyOf: [{ type: 'array', items: { type: 'object' } }, { type: 'null' }] },
  },
};

const ends = { first_id: nullable, last_id: nullable };
const moments = ['in_progress', 'finalizing', 'completed', 'failed', 'expired', 'cancelling', 'cancelled'];

/** By the schema's name and the field's path, where `[]` is what a list holds. */
const differences: Readonly<Record<string, Readonly<Record<string, Change>>>> = {
  OpenAIFile: {
    status_details: nullable,
    expires_at: nullable,
    purpose: or(['evals']),
    derived_from: () => derivation,
  },
  CreateUploadRequest: { purpose: oneOf(uploadPurposes) },

  CreateFineTuningJobRequest: { hyperparameters: withOurs },
  FineTuneSupervisedMethod: { hyperparameters: () => withOurs({ type: 'object' }) },
  FineTuneDPOMethod: { hyperparameters: () => withPreferences({ type: 'object' }) },
  FineTuneMethod: { type: oneOf(['supervised', 'dpo']), reinforcement: gone },
  FineTuningJob: {
    status: or(['paused']),
    error: () => ({
      type: 'object',
      properties: Object.fromEntries(['code', 'message', 'param'].map((key) => [key, nullable({ type: 'string' })!])),
    }),
    hyperparameters: (field) => nullable(withOurs(field)!),
    user_provided_suffix: () => nullable({ type: 'string' }),
  },
  FineTuningJobEvent: { data: nullable },
  GraderMulti: { graders: (grader) => ({ type: 'object', additionalProperties: grader }) },

  CreateBatchRequest: { endpoint: oneOf(batchEndpoints) },
  Batch: Object.fromEntries(
    ['errors', 'output_file_id', 'error_file_id', ...moments.map((moment) => `${moment}_at`)].map((field) => [
      field,
      nullable,
    ]),
  ),

  CreateEvalRequest: { 'testing_criteria[]': orFormula },
  Eval: { 'testing_criteria[]': orFormula },
  EvalRun: { error: nullable },
  EvalRunOutputItem: Object.fromEntries(
    ['error', 'temperature', 'max_completion_tokens', 'top_p', 'seed'].map((field) => [`sample.${field}`, nullable]),
  ),
  CreateEvalCompletionsRunDataSource: { endpoint: () => endpoint },
  CreateEvalResponsesRunDataSource: { endpoint: () => endpoint },
  EvalList: ends,
  EvalRunList: ends,
  EvalRunOutputItemList: ends,

  CreateChatCompletionResponse: { 'choices[].label_probabilities': labelProbabilities },
  CreateChatCompletionStreamResponse: { 'choices[].label_probabilities': labelProbabilities },
  OutputTextContent: { label_probabilities: labelProbabilities },
  CreateCompletionResponse: {
    usage: nullable,
    'choices[].finish_reason': nullable,
    'choices[].logprobs': ({ anyOf: [logprobs] = [] }) =>
      nullable(changed(logprobs!, { token_logprobs: nullableList, top_logprobs: nullableList })),
  },
  Embedding: { embedding: (numbers) => ({ anyOf: [numbers, { type: 'string' }] }) },
  ChatCompletionList: ends,
  ChatCompletionMessageList: {
    ...ends,
    'data[]': () => ({
      type: 'object',
      required: ['id', 'role', 'content'],
      properties: { id: { type: 'string' }, role: { type: 'string' }, content: nullable({ type: 'string' })! },
    }),
  },
  ResponseItemList: ends,
  ListFilesResponse: ends,
  ListBatchesResponse: ends,
  ListFineTuningCheckpointPermissionResponse: ends,
};

/** OpenAI's schemas, changed to what this server does. */
export function ourSchemas(official: Schemas): Schemas {
  const different = Object.entries(differences).map(
    ([name, changes]) => [name, changed(official[name]!, changes)] as const,
  );
  const treated = Object.entries(treatments).map(([name, fates]) => [name, asTreated(official, name, fates)] as const);
  return { ...official, ...Object.fromEntries([...different, ...treated]) };
}

/** The fields at the top of a body, those of its parts first. */
export function fieldsOf(schema: Schema, schemas: Schemas): { properties: Record<string, Schema>; required: string[] } {
  const { $ref, allOf = [], properties = {}, required = [] } = schema;
  const referred = $ref === undefined ? [] : [schemas[$ref.split('/').at(-1)!] as Schema];
  const parts = [...referred, ...allOf].map((part) => fieldsOf(part, schemas));
  return {
    properties: Object.assign({}, ...parts.map((part) => part.properties), properties) as Record<string, Schema>,
    required: [...new Set([...parts.flatMap((part) => part.required), ...required])],
  };
}

function asTreated(schemas: Schemas, name: string, fates: Readonly<Record<string, Treatment>>): Schema {
  const { properties, required } = fieldsOf(schemas[name] as Schema, schemas);
  const kept = Object.entries(properties).flatMap(([field, schema]) => {
    const { fate, note } = fates[field]!;
    if (fate === 'refused') return [];
    const description = fate === 'no effect' ? `Accepted without effect: ${note}.` : note;
    return [[field, description === undefined ? schema : { ...schema, description }] as const];
  });
  return { type: 'object', properties: { ...Object.fromEntries(kept), ...ourParameters[name] }, required };
}

function changed(schema: Schema, changes: Readonly<Record<string, Change>>): Schema {
  return Object.entries(changes).reduce((before, [path, change]) => changedAt(before, path.split('.'), change), schema);
}

function changedAt(schema: Schema, [step, ...steps]: readonly string[], change: Change): Schema {
  if (step === undefined) return change(schema) ?? {};
  const inList = step.endsWith('[]');
  const name = inList ? step.slice(0, -'[]'.length) : step;
  const { [name]: field = {}, ...others } = schema.properties ?? {};
  if (steps.length === 0 && !inList) {
    const after = change(field);
    return { ...schema, properties: after === undefined ? others : { ...others, [name]: after } };
  }
  const after = inList
    ? { ...field, items: changedAt(field.items ?? {}, steps, change) }
    : changedAt(field, steps, change);
  return { ...schema, properties: { ...schema.properties, [name]: after } };
}
