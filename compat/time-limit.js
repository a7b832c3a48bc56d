'use strict';
// Work that is given up after a time.

/** `run(signal)`: the signal is aborted with the given one, and after `ms`, when this rejects whatever the work does. */
async function within(ms, given, run) {
  const own = new AbortController();
  const stop = () => own.abort(given.reason);
  if (given?.aborted) stop();
  given?.addEventListener('abort', stop);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`no answer within ${ms} ms`);
      reject(error);
      own.abort(error);
    }, ms);
  });
  try {
    return await Promise.race([run(own.signal), late]);
  } finally {
    clearTimeout(timer);
    given?.removeEventListener('abort', stop);
  }
}

module.exports = { within };
