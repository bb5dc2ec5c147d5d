import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // Real trainers, servers and browsers on a machine that may be busy: late is not wrong.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 15_000 } },
    // What fails twice is wrong. The first failure is shown, so that what is fragile is seen.
    retry: process.env['CI'] ? 1 : 0,
    // Two cores: more workers only fight over them, and the trainer and llama.cpp are processes of their own.
    maxWorkers: 2,
    pool: 'forks',
  },
});
