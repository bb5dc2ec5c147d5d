/** What models are asked: chats, completions, embeddings and responses. */

import { deleted, object, row, schema, whole, type Operations } from './operation.ts';

const deletedResponse = deleted('response.deleted');
const tokenCount = object({ object: { const: 'response.input_tokens' }, input_tokens: whole });

export const answerOperations: Operations = {
  'POST /v1/chat/completions': row('Chat', 'Answer a conversation, whole or as a stream.'),
  'GET /v1/chat/completions': row('Chat', 'List stored answers, oldest first.'),
  'GET /v1/chat/completions/:id': row('Chat', 'Look at a stored answer.'),
  'POST /v1/chat/completions/:id': row('Chat', "Replace a stored answer's metadata."),
  'DELETE /v1/chat/completions/:id': row('Chat', 'Delete a stored answer.'),
  'GET /v1/chat/completions/:id/messages': row('Chat', 'List the messages that a stored answer replied to.'),

  'POST /v1/completions': row('Completions', 'Continue a text.', { stream: schema('CreateCompletionResponse') }),

  'POST /v1/embeddings': row('Embeddings', 'Turn texts into vectors.'),

  'POST /v1/responses': row('Responses', 'Answer an input, whole, as a stream or in the background.'),
  'GET /v1/responses/:id': row('Responses', 'Look at a stored response, or follow it.', {
    stream: schema('ResponseStreamEvent'),
  }),
  'DELETE /v1/responses/:id': row('Responses', 'Delete a stored response.', { response: deletedResponse }),
  'POST /v1/responses/:id/cancel': row('Responses', 'Stop a response that is made in the background.'),
  'POST /v1/responses/input_tokens': row('Responses', 'Count the tokens that an input would take.', {
    request: schema('CreateResponse'),
    response: tokenCount,
  }),
  'GET /v1/responses/:id/input_items': row('Responses', 'List the items that a response replied to.'),
};
