/**
 * What rounding the frozen base costs and saves: the same LoRA in f32, int8 and int4, on a real model.
 *
 *   npx tsx bench/base-precision.ts [--small] [model ...]      by default smollm2-135m-instruct and gemma-3-270m
 *
 * Mails are written again, whole, so that every token is judged: 96 to learn from and 48 to validate by, 256 tokens at most.
 * The precisions take turns, `BENCH_ROUNDS` times (one unless told otherwise), so that other work on the machine moves all of
 * them; even so only ratios of times are to be trusted there. Validation losses and memory do not depend on it.
 */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BasePrecision } from '../src/domain/job.ts';
import { protocolVersion, type TrainingPlan } from '../src/engine/protocol.ts';
import { targetsOf } from '../src/families/family.ts';
import { familyOf } from '../src/families/table.ts';
import { openGguf } from '../src/formats/gguf.ts';
import { memoryOf } from '../src/jobs/memory.ts';
import { BaseModels } from '../src/models/base-models.ts';
import { TextCodec } from '../src/text/codec.ts';
import { jsonLines } from './material.ts';
import { markdownTable, measuredOn } from './page.ts';
import { ours, type Run } from './race.ts';

const words = process.argv.slice(2);
const small = words.includes('--small');
const named = words.filter((word) => word !== '--small');
const models = named.length > 0 ? named : ['smollm2-135m-instruct', 'gemma-3-270m'];
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 1);
const precisions: readonly BasePrecision[] = ['f32', 'int8', 'int4'];
const [training, validation] = small ? [16, 8] : [96, 48];
const tokensMax = small ? 128 : 256;
const [seed, threads] = [7, 2];

const bases = await BaseModels.open(process.env['TUNESMITH_HOME'] ?? join(homedir(), '.tunesmith'));
const folder = await mkdtemp(join(tmpdir(), 'tunesmith-bench-'));
try {
  for (const model of models) {
    const base = await bases.pull(model);
    const own = join(folder, model);
    await mkdir(own);
    await using gguf = await openGguf(base.path);
    const codec = TextCodec.fromGguf(gguf.metadata);
    const counting = { tokensOf: (text: string) => codec.tokenizer.encode(text).length, room: 32 };
    const files = { trainingFile: join(own, 'training.jsonl'), validationFile: join(own, 'validation.jsonl') };
    await writeFile(files.trainingFile, jsonLines('writing', training, seed, counting));
    await writeFile(files.validationFile, jsonLines('writing', validation, seed + 1, counting));
    const targets = targetsOf(familyOf(base.architecture.architecture)!);
    const plan: TrainingPlan = {
      version: protocolVersion,
      recipe: 'supervised',
      jobId: 'ftjob-bench',
      model: { id: base.id, path: base.path, sha256: base.sha256 },
      initialAdapter: null,
      ...files,
      seed,
      epochs: 1,
      batchSize: 4,
      learningRate: 2e-4,
      schedule: 'cosine',
      warmupRatio: 0.03,
      weightDecay: 0,
      gradientNormMax: 1,
      train: { mode: 'lora', rank: 16, alpha: 32, rslora: false, dropout: 0, targets },
      tokensMax,
      evaluationInterval: 1000,
      snapshotSeconds: 1000,
      basePrecision: 'f32',
      threads,
    };
    const runs = new Map<BasePrecision, Run[]>(precisions.map((precision) => [precision, []]));
    for (let round = 0; round < rounds; round++) {
      for (const precision of precisions)
        runs.get(precision)!.push(await ours({ plan, folder: own }, precision, round));
    }
    const stepOf = (precision: BasePrecision): number => median(runs.get(precision)!.flatMap((run) => run.stepSeconds));
    const exact = runs.get('f32')![0]!.validationLoss;
    const table = precisions.map((precision) => {
      const { validationLoss, peakRssBytes } = runs.get(precision)![0]!;
      const formula = memoryOf(base.architecture, { ...plan, basePrecision: precision }).bytes;
      const more = 100 * (validationLoss / exact - 1);
      return [
        precision,
        validationLoss.toFixed(4),
        `${more < 0 ? '' : '+'}${more.toFixed(2)} %`,
        `${Math.round(peakRssBytes / 2 ** 20)} MiB`,
        `${Math.round(formula / 2 ** 20)} MiB`,
        (stepOf('f32') / stepOf(precision)).toFixed(2),
      ];
    });
    const head = ['base', 'validation loss', 'against f32', 'peak memory', 'formula', 'speed, f32 = 1'];
    console.log(`\n${model}\n\n${markdownTable([head, ...table])}\n\n${measuredOn(cpus()[0]!.model, threads)}\n`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
