/** What computes a training run: the processor, or one of the runtime's other providers. */

export const devices = ['cpu', 'webgpu', 'cuda'] as const;

export type Device = (typeof devices)[number];

/** What a trial of a device on this machine came to. */
export type DeviceVerdict =
  | {
      readonly works: true;
      /** How many times as fast as the processor. */
      readonly speedup: number;
    }
  | { readonly works: false; readonly reason: string };
