/** What computes a training run: the processor, or one of the runtime's other providers. */

export const devices = ['cpu', 'webgpu', 'cuda'] as const;

export type Device = (typeof devices)[number];
