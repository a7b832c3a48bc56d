'use strict';
// A cache's options as the engine takes them: total, Infinity as null, as JSON can say them.

const cap = (seconds) => (seconds === Infinity ? null : seconds);
const minBytes = (compress) => (compress === false ? 0 : compress.minBytes);

function link({ urls, sentinel, username, password, db, tls, keyPrefix, connectTimeoutMs, commandTimeoutMs, breaker, format, tracking, compress }, publishes) {
  return {
    urls,
    sentinel,
    username,
    password,
    db,
    tls,
    keyPrefix,
    connectTimeoutMs,
    commandTimeoutMs,
    breakerFailures: breaker === false ? 0 : breaker.failures,
    probeMs: breaker === false ? 1000 : breaker.probeMs,
    plain: format === 'plain',
    tracking,
    publishes,
    compressMinBytes: minBytes(compress),
  };
}

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
      link: redis.client === undefined ? link(redis, disk !== undefined) : null,
      ttl: cap(redis.ttl),
      whenDown: redis.whenDown,
    },
    disk: disk === undefined ? null : { path: disk.path, ttl: cap(disk.ttl), maxBytes: disk.maxBytes, compressMinBytes: minBytes(disk.compress) },
    jitter,
  };
}

module.exports = { settingsOf };
