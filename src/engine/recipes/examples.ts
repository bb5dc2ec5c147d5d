/** What a plan trains on and validates with: its files as tokens, or a part of the training file set apart. */

import type { FileRole } from '../../dataset/faults.ts';
import { LabelledRows } from '../../dataset/labelled/rows.ts';
import { CompletionRows, PreferenceRows } from '../../dataset/lessons.ts';
import { tokenizeFile, type ExampleEncoder, type RowTokenizer, type TokenizedExample } from '../../dataset/tokenize.ts';
import { invalid, TunesmithError } from '../../domain/errors.ts';
import type { GgufMetadata } from '../../formats/gguf-metadata.ts';
import { openGguf } from '../../formats/gguf.ts';
import { TextCodec } from '../../text/codec.ts';
import { EncoderCodec } from '../../text/encoder-codec.ts';
import type { TrainingPlan } from '../protocol.ts';
import { Random, streams } from '../random.ts';

export interface Examples {
  readonly training: readonly TokenizedExample[];
  readonly validation: readonly TokenizedExample[];
}

/** Throws where the files or the model cannot be read, or nothing is left to train on. */
export async function readExamples(plan: TrainingPlan, signal: AbortSignal): Promise<Examples> {
  const metadata = await readMetadata(plan.model);
  const { tokensMax, trainingFile, validationFile, head = null } = plan;
  const encoderFor = (role: FileRole): ExampleEncoder | RowTokenizer => {
    if (head !== null) return new LabelledRows(EncoderCodec.fromGguf(metadata), head, role);
    const codec = TextCodec.fromGguf(metadata);
    if (plan.data === 'preference') return new PreferenceRows(codec);
    return plan.data === 'completion' ? new CompletionRows(codec) : codec;
  };
  const read = async (path: string, role: FileRole): Promise<TokenizedExample[]> =>
    await tokenizeFile(path, { encoder: encoderFor(role), tokensMax, role, signal });
  const training = await read(trainingFile, 'training');
  if (training.length === 0) {
    throw invalid(
      'training_file',
      'The training file has no examples; expected at least one.',
      'invalid_training_file',
    );
  }
  if (validationFile !== null) return { training, validation: await read(validationFile, 'validation') };
  return setApart(training, plan.validationSplit ?? 0, plan.seed);
}

/** So large a share of the examples to validate by, at least one of them; which ones hangs on the seed. */
function setApart(examples: readonly TokenizedExample[], share: number, seed: number): Examples {
  if (share === 0 || examples.length < 2) return { training: examples, validation: [] };
  const count = Math.min(examples.length - 1, Math.max(1, Math.round(share * examples.length)));
  const order = Random.fromSeed(seed).split(streams.split).permutation(examples.length);
  const apart = new Set(order.subarray(0, count));
  return {
    training: examples.filter((_, i) => !apart.has(i)),
    validation: examples.filter((_, i) => apart.has(i)),
  };
}

async function readMetadata({ id, path }: TrainingPlan['model']): Promise<GgufMetadata> {
  try {
    await using gguf = await openGguf(path);
    return gguf.metadata;
  } catch (cause) {
    const message = `The base model ${id} could not be read. ${(cause as Error).message}`;
    throw new TunesmithError('invalid', message, { code: 'model_unreadable', cause });
  }
}
