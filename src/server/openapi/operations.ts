/**
 * What each address of ours is for, in a sentence: the part of the OpenAPI document that is written by hand.
 *
 * Addresses that OpenAI has too take their parameters and shapes from OpenAI's own document; those that only we have
 * say in `operations/` what they take. A route that is missing here fails a test; the order is that of our pages.
 */

import { answerOperations } from './operations/answers.ts';
import { batchOperations } from './operations/batches.ts';
import { evalOperations } from './operations/evals.ts';
import { fileOperations } from './operations/files.ts';
import { fineTuningOperations } from './operations/fine-tuning.ts';
import { leavingOperations } from './operations/leaving.ts';
import { modelOperations } from './operations/models.ts';
import type { Operations } from './operations/operation.ts';
import { operatorOperations } from './operations/operator.ts';
import { taskOperations } from './operations/tasks.ts';
import { webhookOperations } from './operations/webhooks.ts';

export const operations: Operations = {
  ...fileOperations,
  ...fineTuningOperations,
  ...modelOperations,
  ...answerOperations,
  ...batchOperations,
  ...evalOperations,
  ...taskOperations,
  ...operatorOperations,
  ...leavingOperations,
  ...webhookOperations,
};
