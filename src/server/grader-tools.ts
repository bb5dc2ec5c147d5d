/** What graders work with in this house: our own models, their embeddings, and the Python sandbox. */

import type { Access } from '../access/keyring.ts';
import { notFound } from '../domain/errors.ts';
import type { GraderTools } from '../graders/tools.ts';
import type { House } from '../house.ts';
import type { ServedModel } from '../models/registry.ts';
import type { Priority } from '../serving/serving.ts';
import { answerChat } from './answer.ts';

export function graderToolsOf(house: House, access: Access, priority: Priority): GraderTools {
  return {
    chat: (body, signal) => answerChat(house, access, body, signal, priority),
    embed: async (texts, signal) => {
      const model = await embeddingModel(house, access);
      const inputs = texts.map((text) => ({ type: 'text' as const, text }));
      const { vectors } = await house.serving.embed({ model, inputs, priority }, signal);
      return vectors.map((vector) => [...vector]);
    },
    python: house.python,
  };
}

async function embeddingModel(house: House, { project }: Access): Promise<ServedModel> {
  const name = house.settings.embeddingModel ?? house.bases.list()[0]?.id;
  const model = name === undefined ? null : await house.of(project).models.resolve(name);
  if (model !== null) return model;
  throw notFound(
    null,
    name === undefined
      ? 'There is no model to make embeddings with. Get one with: tunesmith models pull'
      : `The model '${name}' that TUNESMITH_EMBEDDING_MODEL names does not exist.`,
  );
}
