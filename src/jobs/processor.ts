/** What this machine's processor is good at. */

import { readFileSync } from 'node:fs';
import { arch } from 'node:os';

/**
 * Whether products of eight-bit numbers are added up in 32 bits by one instruction (VNNI or AMX on x64, the dot
 * product that every 64-bit ARM server and Mac of today has). Without it they are slower than f32, and older x64
 * processors lose bits on the way. Only Linux tells; elsewhere an x64 processor counts as one without.
 */
export function hasEightBitProducts(cpuinfo: string = readCpuinfo(), architecture: string = arch()): boolean {
  return architecture === 'arm64' || /\b(avx512_vnni|avx_vnni|amx_int8)\b/.test(cpuinfo);
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}
