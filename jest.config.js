'use strict';
const os = require('node:os');

// Tests run against the released addon; those that need test hooks ask for them by `__tests__/hooks.js`.
const ignored = ['<rootDir>/target/', '<rootDir>/npm/', '<rootDir>/benchmark/', '<rootDir>/crates/'];
const common = {
  moduleNameMapper: { '^sluice$': '<rootDir>/index.js', '^sluice/compat$': '<rootDir>/compat/index.js', '^sluice/compat/(.*)$': '<rootDir>/compat/$1.js' },
  modulePathIgnorePatterns: ignored,
  testPathIgnorePatterns: ['/node_modules/', ...ignored],
};

module.exports = {
  // most suites wait, for processes and for time: two at least side by side, and no more servers at once than eight start
  maxWorkers: Math.min(8, Math.max(2, os.availableParallelism())),
  // for what hangs: a slow machine needs minutes for what takes seconds
  testTimeout: 300_000,
  projects: [
    { ...common, displayName: 'node', testEnvironment: 'node', testMatch: ['<rootDir>/__tests__/**/*.test.js'] },
    {
      ...common,
      displayName: 'jsdom',
      testEnvironment: 'jsdom',
      testMatch: ['<rootDir>/__tests__/fidelity/**/*.test.js'],
      // suites of TypeScript services strip `.js` from relative specifiers, ours included
      moduleNameMapper: { ...common.moduleNameMapper, '^(\\.{1,2}/.*)\\.js$': '$1' },
    },
  ],
};
