/** What a batch's requests are answered with: what the routes would have said, status and all. */

import type { Answering } from '../batches/worker.ts';
import type { Access } from '../access/keyring.ts';
import type { BatchEndpoint } from '../domain/batch.ts';
import { invalid } from '../domain/errors.ts';
import { newRequestId } from '../domain/ids.ts';
import type { House } from '../house.ts';
import type { Priority } from '../serving/serving.ts';
import { answerChat } from './answer.ts';
import { answerEmbeddings } from './embedding-answer.ts';
import { answerTo } from './errors.ts';
import { answerResponse } from './respond.ts';
import { answerCompletion } from './text-answer.ts';

type AnswerBody = (
  house: House,
  access: Access,
  body: unknown,
  signal: AbortSignal,
  priority: Priority,
) => Promise<unknown>;

const answers: Readonly<Record<BatchEndpoint, AnswerBody>> = {
  '/v1/chat/completions': answerChat,
  '/v1/completions': answerCompletion,
  '/v1/embeddings': answerEmbeddings,
  '/v1/responses': answerResponse,
};

export function answeringOf(house: House): Answering {
  return {
    findModel: async (project, name) => (await house.of(project).models.resolve(name)) !== null,
    answer: async (project, endpoint, body, signal) => {
      const requestId = newRequestId();
      try {
        const { stream } = body as { stream?: unknown };
        if (stream === true)
          throw invalid('stream', "Unsupported parameter: 'stream' in a batch.", 'unsupported_parameter');
        const answer = await answers[endpoint](house, { project, key: null }, body, signal, 'background');
        return { status: 200, requestId, body: answer };
      } catch (error) {
        const { status, body, unforeseen } = answerTo(error, requestId);
        if (unforeseen && !signal.aborted) house.log.error('batch.request_failed', { id: requestId, endpoint, error });
        return { status, requestId, body };
      }
    },
  };
}
