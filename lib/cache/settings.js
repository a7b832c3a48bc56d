'use strict';
// A cache's options as the engine takes them: total, Infinity as null, as JSON can say them.
const { linkOf } = require('../redis-link');

const cap = (seconds) => (seconds === Infinity ? null : seconds);
const minBytes = (compress) => (compress === false ? 0 : compress.minBytes);
const besides = ({ tracking, compress }, disk) => ({ tracking, publishes: disk !== undefined, compressMinBytes: minBytes(compress) });

/** Settings of `Engine`; an injected client is asked from JavaScript, so there is no link to it. */
function settingsOf({ memory, negative, redis, disk, jitter }) {
  return {
    memory: memory === undefined ? null : {
      shared: memory.shared,
      stores: memory.store === 'bytes',
      maxBytes: memory.maxBytes,
      maxEntries: memory.maxEntries,
      policy: memory.policy ?? 's3fifo',
      // no cap is a cap beyond all deadlines
      ttl: Math.min(memory.ttl, 1e15),
    },
    negative: negative === undefined ? null : { ttl: Math.min(negative.ttl, 1e15), maxKeys: negative.maxKeys },
    redis: redis === undefined ? null : {
      link: redis.client === undefined ? linkOf(redis, besides(redis, disk)) : null,
      ttl: cap(redis.ttl),
      whenDown: redis.whenDown,
    },
    disk: disk === undefined ? null : { path: disk.path, ttl: cap(disk.ttl), maxBytes: disk.maxBytes, compressMinBytes: minBytes(disk.compress) },
    jitter,
  };
}

module.exports = { settingsOf };
