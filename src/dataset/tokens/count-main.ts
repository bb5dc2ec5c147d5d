/** A thread that counts: batches of examples come in, their tokens go out, in the same order. */

import { parentPort, workerData } from 'node:worker_threads';
import type { AnyExample } from '../../domain/example.ts';
import type { CountReply } from './token-counter.ts';
import { openCounters, type CountingWay } from './ways.ts';

const opening = openCounters(workerData as readonly CountingWay[]);
opening.catch((error: unknown) => reply({ error }));

parentPort!.on('message', (examples: readonly AnyExample[]) => {
  void opening
    .then((counters) => examples.map((example) => counters.map((counter) => counter.count(example))))
    .then((counts) => reply({ counts }))
    .catch((error: unknown) => reply({ error }));
});

function reply(message: CountReply): void {
  parentPort!.postMessage(message);
}
