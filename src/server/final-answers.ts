/** Answers of a model that a job has just made and nobody can name yet, for its final task metrics. */

import type { AnswerModel } from '../evals/final-metrics.ts';
import type { House } from '../house.ts';
import type { ModelToJudge } from '../jobs/judging.ts';
import { fineTunedModel } from '../models/registry.ts';
import { answerChat } from './answer.ts';

export const finalAnswersOf =
  (house: House): AnswerModel<ModelToJudge> =>
  async ({ project, model, base, folder }, body, signal) => {
    const served = await fineTunedModel(model, folder, () => base);
    return await answerChat(house, { project, key: null }, body, signal, 'background', served);
  };
