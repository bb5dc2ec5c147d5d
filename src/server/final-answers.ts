/** Answers of a model that a job has just made and nobody can name yet, for its final task metrics. */

import { join } from 'node:path';
import type { AnswerModel } from '../evals/final-metrics.ts';
import type { House } from '../house.ts';
import type { ModelToJudge } from '../jobs/judging.ts';
import { answerChat } from './answer.ts';

export const finalAnswersOf =
  (house: House): AnswerModel<ModelToJudge> =>
  ({ project, model, base, adapterFolder }, body, signal) => {
    const served = { id: model, base, adapter: join(adapterFolder, 'adapter.gguf'), adapterFolder };
    return answerChat(house, { project, key: null }, body, signal, 'background', served);
  };
