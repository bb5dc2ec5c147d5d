import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores: more workers only fight over them, and the trainer and llama.cpp are processes of their own.
    maxWorkers: 2,
    pool: 'forks',
  },
});
