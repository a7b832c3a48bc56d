'use strict';
// Native code that fails: nobody is left waiting, nothing escapes, the buffer says so from then on.
const { BatchBuffer } = require('sluice');
const native = require('../../lib/native');
const { heldHandler, microtasks } = require('../support/batch');

const rejection = (promise) => promise.then(() => { throw new Error('it did not reject'); }, (error) => error);

test('a contained panic rejects all that waits with ERR_INTERNAL, and close still ends', async () => {
  const { handler, calls } = heldHandler();
  const buffer = new BatchBuffer(handler, { batchSize: 2, maxSize: 4 });
  const waiting = [1, 2, 3, 4, 5].map((item) => rejection(buffer.add(item)));
  const { signal } = calls[0].context;
  const flush = buffer.flush();
  const step = native.batchStep;
  native.batchStep = () => { throw new Error('{"kind":"Internal","fields":{"what":"BatchBuffer","detail":"on purpose"}}'); };
  try {
    let last;
    expect(() => (last = rejection(buffer.add(6)))).not.toThrow();
    expect(() => buffer.getBufferStatus()).not.toThrow();
    const internal = { code: 'ERR_INTERNAL', message: 'BatchBuffer failed inside native code: on purpose' };
    for (const error of [...(await Promise.all(waiting)), await last]) expect(error).toMatchObject(internal);
    await flush;
    expect(signal.aborted).toBe(true);
    calls[0].resolve();
    await microtasks();
    expect(await rejection(buffer.add(7))).toMatchObject(internal);
    expect(await rejection(buffer.enqueue(8))).toMatchObject(internal);
    expect(() => buffer.pending()).toThrow(expect.objectContaining(internal));
    expect(await buffer.close()).toEqual({ delivered: 0, deadLettered: 0, dropped: 0, aborted: expect.any(Number), kept: 0 });
  } finally {
    native.batchStep = step;
  }
});
