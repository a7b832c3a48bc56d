'use strict';
// What suites of the settling of items share: buffers on fake timers, and that nothing is left unhandled.
const { BatchBuffer } = require('sluice');
const { microtasks } = require('./batch');

const open = [];
const make = (handler, options) => {
  const buffer = new BatchBuffer(handler, { batchSize: 10, backoff: { minMs: 100, jitter: 0 }, ...options });
  open.push(buffer);
  return buffer;
};
const unhandled = [];
const onUnhandled = (error) => unhandled.push(error);
/** To be called once by a suite: each test has fake timers, closes its buffers and leaves no rejection unhandled. */
function useBuffers() {
  beforeAll(() => process.on('unhandledRejection', onUnhandled));
  afterAll(() => process.off('unhandledRejection', onUnhandled));
  beforeEach(() => jest.useFakeTimers());
  afterEach(async () => {
    jest.useRealTimers();
    await Promise.all(open.splice(0).map((buffer) => buffer.close({ timeoutMs: 1 })));
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(unhandled.splice(0)).toEqual([]);
  });
}
const rejection = (promise) => promise.then(() => { throw new Error('it did not reject'); }, (error) => error);
/** Lets all tries come, by their timers. */
async function allTries(rounds = 10) {
  for (let round = 0; round < rounds; round += 1) {
    await microtasks();
    jest.runOnlyPendingTimers();
  }
  await microtasks();
}

module.exports = { make, useBuffers, rejection, allTries };
