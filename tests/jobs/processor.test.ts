import { expect, test } from 'vitest';
import { hasEightBitProducts } from '../../src/jobs/processor.ts';

test.each([
  ['a Xeon with VNNI', 'flags : fpu avx512f avx512_vnni', 'x64', true],
  ['a recent desktop', 'flags : fpu avx2 avx_vnni', 'x64', true],
  ['an old desktop', 'flags : fpu avx avx2 fma', 'x64', false],
  ['a machine that does not tell', '', 'x64', false],
  ['a Mac of today', '', 'arm64', true],
])('%s: %s', (_, cpuinfo, architecture, expected) => {
  expect(hasEightBitProducts(cpuinfo, architecture)).toBe(expected);
});
