'use strict';
// Reading on behind a rejection, so that whoever answers can be heard: a peer that still sends while its connection
// is closed loses the answer.
const DRAIN_MS = 1000;
const DEFAULT_BYTES = 10 * 1024 * 1024;

const draining = new WeakMap();

/** Listens; returns how to stop listening. Sources that cannot remove listeners keep inert ones. */
function listen(source, listeners) {
  for (const name in listeners) source.on(name, listeners[name]);
  return () => {
    const remove = source.removeListener ?? source.off;
    if (typeof remove !== 'function') return;
    for (const name in listeners) remove.call(source, name, listeners[name]);
  };
}

/** Whether nothing more comes from a stream or emitter. */
const isOver = (source) => source.readableEnded === true || source.destroyed === true || source.stream?.destroyed === true;

/**
 * Reads and drops what still comes: at most twice the limit (what was received already counts) or a second. The
 * promise resolves when that is over; the source is never destroyed.
 */
function drain(source, limit = DEFAULT_BYTES, received = 0) {
  const running = draining.get(source);
  if (running !== undefined) return running;
  if (isOver(source)) return Promise.resolve();
  const promise = new Promise((resolve) => {
    let left = 2 * limit - received;
    let stop;
    let over = false;
    const done = () => {
      over = true;
      clearTimeout(timer);
      stop?.();
      if (!isOver(source)) source.pause?.();
      resolve();
    };
    const timer = setTimeout(done, DRAIN_MS);
    timer.unref?.();
    stop = listen(source, {
      end: done,
      close: done,
      aborted: done,
      error: done,
      data: (chunk) => {
        left -= chunk.length;
        if (left < 0) done();
      },
    });
    // it may have said all of it while it was listened to
    if (over) stop();
    else source.resume?.();
  });
  draining.set(source, promise);
  return promise;
}

/** The same for a web stream whose reader is ours. */
function drainReader(reader, limit, received) {
  let left = 2 * limit - received;
  let over = false;
  const done = () => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    try {
      reader.releaseLock();
    } catch {
      // a read is pending, and this platform does not release a reader then
    }
  };
  const timer = setTimeout(done, DRAIN_MS);
  timer.unref?.();
  const next = () =>
    reader.read().then((step) => {
      if (!step.done) left -= step.value?.length ?? 0;
      if (step.done || left < 0) done();
      else if (!over) next();
    }, done);
  next();
}

module.exports = { listen, isOver, drain, drainReader };
