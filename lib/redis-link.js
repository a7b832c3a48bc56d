'use strict';
// The Redis option, once read, as native code takes it for a connection of its own: `redis::Config` in crates/io/src/redis.

/** `tracking`, `publishes`, `compressMinBytes`: what a cache asks of it besides. */
function linkOf(redis, { tracking = false, publishes = false, compressMinBytes = 0 } = {}) {
  const { urls, sentinel, username, password, db, tls, keyPrefix, connectTimeoutMs, commandTimeoutMs, breaker, format } = redis;
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
    compressMinBytes,
  };
}

module.exports = { linkOf };
