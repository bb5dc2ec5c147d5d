/** Batches. */

import { row, type Operations } from './operation.ts';

export const batchOperations: Operations = {
  'POST /v1/batches': row('Batches', 'Run the requests of a file in the background.'),
  'GET /v1/batches': row('Batches', 'List batches, newest first.'),
  'GET /v1/batches/:id': row('Batches', 'Look at a batch.'),
  'POST /v1/batches/:id/cancel': row('Batches', 'Cancel a batch; what is answered stays.'),
};
