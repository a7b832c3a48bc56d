'use strict';
// How long one caller waits.
const { make, aborted } = require('../errors');

const ignore = () => {};

/** What ends one caller's wait: its signal, its timeout. Both are asked only while it waits. */
function limits({ signal, timeoutMs }, what) {
  if (signal === undefined && timeoutMs === undefined) return FREE;
  if (signal?.aborted) throw aborted(signal, what);
  const limit = { aborted: false, timedOut: false, ended: false };
  let [timer, onAbort] = [];
  const over = new Promise((_, reject) => {
    if (signal !== undefined) {
      onAbort = () => {
        limit.aborted = limit.ended = true;
        reject(aborted(signal, what));
      };
      signal.addEventListener('abort', onAbort, { once: true });
    }
    if (timeoutMs !== undefined) {
      timer = setTimeout(() => {
        limit.timedOut = limit.ended = true;
        reject(make('Timeout', { what: 'the load', timeoutMs }));
      }, timeoutMs);
    }
  });
  over.catch(ignore);
  limit.race = (promise) => Promise.race([promise, over]);
  limit.clear = () => {
    if (timer !== undefined) clearTimeout(timer);
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  };
  return limit;
}
const FREE = Object.freeze({ race: (promise) => promise, clear: ignore, aborted: false, timedOut: false, ended: false });

module.exports = { limits };
