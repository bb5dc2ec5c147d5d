/** `/v1/embeddings`: texts as vectors. */

import type { FastifyInstance } from 'fastify';
import type OpenAI from 'openai';
import type { House } from '../../house.ts';
import { accessOf } from '../access.ts';
import { answerEmbeddings } from '../embedding-answer.ts';
import { whenGone } from '../event-stream.ts';

export function embeddingRoutes(app: FastifyInstance, house: House): void {
  app.post('/embeddings', async (request, reply): Promise<OpenAI.CreateEmbeddingResponse> => {
    const answer = await answerEmbeddings(house, accessOf(request), request.body, whenGone(reply));
    void reply.header('openai-model', answer.model);
    return answer;
  });
}
