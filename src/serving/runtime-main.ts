/**
 * The runtime: a process that holds one base model and answers over IPC (see `protocol.ts`).
 *
 * It is a process of its own because a hostile model file can abort it and a crash must harm nobody else.
 */

import type { RuntimeCommand, RuntimeReport, RuntimeSettings } from './protocol.ts';

const settings = JSON.parse(process.argv[2]!) as RuntimeSettings;

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL')); // the server is gone; native threads may be busy

// Signals to stop reach the whole group or service; the server has answers to finish and ends its runtimes itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});

try {
  const worker = await open();
  process.on('message', (command: RuntimeCommand) => worker.submit(command));
  report({ type: 'ready' });
} catch (error) {
  report({ type: 'unloadable', message: error instanceof Error ? error.message : String(error) });
}

/** Only the engine that is needed is loaded. */
async function open(): Promise<{ submit(command: RuntimeCommand): void }> {
  if (settings.engine === 'encoder') {
    const { EncoderRuntime } = await import('./encoder-runtime.ts');
    return await EncoderRuntime.open(settings, report);
  }
  const [{ Llama }, { Scheduler }] = await Promise.all([import('./llama.ts'), import('./scheduler.ts')]);
  return new Scheduler(await Llama.open(settings.modelPath, settings), settings, report);
}

function report(message: RuntimeReport): void {
  process.send!(message);
}
