// The suites of __tests__/fidelity once more, under vitest: their bodies work in both runners.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { globals: true, include: ['__tests__/fidelity/**/*.test.js'], testTimeout: 300_000 },
});
