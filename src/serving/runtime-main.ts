/**
 * The runtime: a process that holds one base model and answers over IPC (see `protocol.ts`).
 *
 * It is a process of its own because a hostile model file can abort it and a crash must harm nobody else.
 */

import { Llama } from './llama.ts';
import type { RuntimeCommand, RuntimeReport, RuntimeSettings } from './protocol.ts';
import { Scheduler } from './scheduler.ts';

const settings = JSON.parse(process.argv[2]!) as RuntimeSettings;

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL')); // the server is gone; native threads may be busy

// Signals to stop reach the whole group or service; the server has answers to finish and ends its runtimes itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});

try {
  const llama = await Llama.open(settings.modelPath, settings);
  const scheduler = new Scheduler(llama, settings, report);
  process.on('message', (command: RuntimeCommand) => scheduler.submit(command));
  report({ type: 'ready' });
} catch (error) {
  report({ type: 'unloadable', message: error instanceof Error ? error.message : String(error) });
}

function report(message: RuntimeReport): void {
  process.send!(message);
}
