/** `/v1/completions`: what a model says after a bare text. */

import type { FastifyInstance, FastifyReply } from 'fastify';
import type OpenAI from 'openai';
import type { House } from '../../house.ts';
import { accessOf } from '../access.ts';
import { parseCompletionRequest } from '../completion-request.ts';
import { dataStream, sendEvents, whenGone } from '../event-stream.ts';
import { TextAnswer } from '../text-answer.ts';

export function completionRoutes(app: FastifyInstance, house: House): void {
  app.post('/completions', async (request, reply): Promise<OpenAI.Completion | FastifyReply> => {
    const asked = parseCompletionRequest(request.body);
    const asking = { signal: whenGone(reply), priority: 'interactive' } as const;
    const answer = await TextAnswer.open(house, accessOf(request), asked, asking);
    void reply.header('openai-model', answer.model.id);
    if (asked.wishes.streaming) return sendEvents(request, reply, house.log, answer.chunks(), dataStream);
    return await answer.whole();
  });
}
