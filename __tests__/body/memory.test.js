'use strict';
require('../hooks');
const hooks = require('../../lib/native');

test('memory counts while a document is open and goes with close', () => {
  const bytes = Buffer.from(`["${'x'.repeat(4e6)}"]`);
  const before = hooks.testExternalMemory();
  const document = hooks.documentParse(bytes, 200, 0);
  expect(hooks.testExternalMemory() - before).toBeGreaterThanOrEqual(bytes.length);
  expect(hooks.testExternalMemory() - before).toBeLessThan(2 * bytes.length);
  hooks.documentClose(document);
  expect(hooks.testExternalMemory()).toBe(before);
  const intake = hooks.intakeOpen();
  hooks.intakePush(intake, bytes);
  expect(hooks.testExternalMemory() - before).toBeGreaterThanOrEqual(bytes.length);
  hooks.intakeDrop(intake);
  expect(hooks.testExternalMemory()).toBe(before);
});
