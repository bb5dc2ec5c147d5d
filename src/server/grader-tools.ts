/** What graders work with in this house: our own models, their embeddings, and the Python sandbox. */

import type { Access } from '../access/keyring.ts';
import type { GraderTools } from '../graders/tools.ts';
import type { House } from '../house.ts';
import type { Priority } from '../serving/serving.ts';
import { answerChat } from './answer.ts';

export function graderToolsOf(house: House, access: Access, priority: Priority): GraderTools {
  return {
    chat: (body, signal) => answerChat(house, access, body, signal, priority),
    embed: () => Promise.reject(new Error('This server makes no embeddings yet.')),
    python: house.python,
  };
}
