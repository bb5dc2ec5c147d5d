/** `/v1/fine_tuning/alpha/graders`: try a grader on one answer, or have it checked. */

import type { FastifyInstance } from 'fastify';
import type OpenAI from 'openai';
import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';
import type { Grade, Grader, Subject } from '../../domain/grader.ts';
import { grade } from '../../graders/grade.ts';
import { graderSchema, partsOf } from '../../graders/schema.ts';
import type { House, ProjectRooms } from '../../house.ts';
import { accessOf } from '../access.ts';
import { whenGone } from '../event-stream.ts';
import { graderToolsOf } from '../grader-tools.ts';
import { optional, parseBody } from '../validation.ts';

type RunResponse = OpenAI.FineTuning.Alpha.GraderRunResponse;

const validateSchema = z.strictObject({ grader: graderSchema });
const runSchema = z.strictObject({
  grader: graderSchema,
  model_sample: z.string(),
  item: optional(z.record(z.string(), z.unknown())),
});

export function graderRoutes(app: FastifyInstance, house: House): void {
  app.post('/fine_tuning/alpha/graders/validate', async (request): Promise<{ grader: Grader }> => {
    const { grader } = parseBody(validateSchema, request.body);
    await assertModels(grader, house.of(accessOf(request).project));
    return { grader };
  });

  app.post('/fine_tuning/alpha/graders/run', async (request, reply): Promise<RunResponse> => {
    const { grader, model_sample, item = {} } = parseBody(runSchema, request.body);
    const access = accessOf(request);
    await assertModels(grader, house.of(access.project));
    const subject = { item, sample: sampleOf(model_sample) };
    const started = performance.now();
    const given = await grade(grader, subject, graderToolsOf(house, access, 'interactive'), whenGone(reply));
    return runResponse(grader, given, (performance.now() - started) / 1000);
  });
}

/** The answer as templates see it; its JSON only where it is some. */
function sampleOf(text: string): Subject['sample'] {
  try {
    return { output_text: text, output_json: JSON.parse(text) as unknown };
  } catch {
    return { output_text: text };
  }
}

function runResponse(grader: Grader, given: Grade, seconds: number): RunResponse {
  const tokens = Object.values(given.tokens);
  const models = Object.keys(given.tokens);
  return {
    reward: given.score,
    metadata: {
      name: grader.name,
      type: grader.type,
      errors: given.errors,
      execution_time: seconds,
      scores: given.parts,
      token_usage: tokens.length === 0 ? null : tokens.reduce((sum, { total_tokens }) => sum + total_tokens, 0),
      sampled_model_name: models.length === 1 ? models[0]! : null,
    },
    sub_rewards: given.parts,
    model_grader_token_usage_per_model: given.tokens,
  };
}

async function assertModels(grader: Grader, { models }: ProjectRooms): Promise<void> {
  for (const part of partsOf(grader)) {
    if (!('model' in part) || (await models.resolve(part.model)) !== null) continue;
    throw invalid(
      'grader.model',
      `The model \`${part.model}\` of the grader '${part.name}' does not exist or you do not have access to it.`,
      'model_not_found',
    );
  }
}
