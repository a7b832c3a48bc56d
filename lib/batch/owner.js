'use strict';
// What idempotency and the log ask of a flow, and what they tell it.
const { make } = require('../errors');
const { discard } = require('./ending');
const { FullEntry, STATE } = require('./entry');
const { op } = require('./layout');
const { regroup } = require('./returning');

/** For `Idempotency` of idempotency.js. */
const hostOf = (flow) => ({
  now: () => flow.now(),
  proceed: (entry) => flow.proceed(entry),
  later(run) {
    Promise.resolve().then(() => {
      // what is not sent any more stays on disk
      if (!flow.isEnding) run();
    });
  },
  settled(entry, value) {
    entry.state = STATE.GONE;
    if (entry.row !== undefined) flow.log.forget(entry);
    // what another instance has delivered has no id here
    entry.succeed(entry.isEnqueued ? `key:${entry.key}` : value);
  },
  degraded: (error) => flow.emit('degraded', () => ['redis', error]),
});

/** For `Durable` of durable.js. */
function ownerOf(flow) {
  /** An entry that an earlier process had accepted; nobody waits for it. */
  const found = (row, key, attempts, letter) => {
    const entry = new FullEntry(undefined, key, true);
    flow.written(entry, row);
    entry.attempts = attempts;
    flow.log.keep(entry, letter);
    return entry;
  };
  return {
    stored(entries) {
      for (const entry of entries) if (!entry.isGone) flow.accepted(entry);
      flow.do(op.STORED, entries[entries.length - 1].id);
    },
    refused(entry, error) {
      flow.cross(op.REFUSE, entry.id, 0, () => discard(flow, entry, error));
      flow.act();
    },
    restored(row, key, attempts) {
      // it stays on disk, for the next that opens it
      if (flow.isEnding) return;
      const entry = found(row, key, attempts);
      regroup(flow, entry);
      if (flow.claims === undefined) flow.proceed(entry);
      else flow.claims.recover(entry);
    },
    buried(row, key, attempts, error, died) {
      if (flow.isEnding) return;
      const entry = found(row, key, attempts, { error, died });
      regroup(flow, entry);
      flow.bury(entry, error, died);
    },
    seen(key, seq, expires, result) {
      // one that is pending comes with its item
      if (seq === undefined) flow.claims?.restore(key, `key:${key}`, expires - Date.now(), result);
    },
    ready: () => flow.ready(),
    recovered: (count) => flow.emit('recovered', () => [count]),
    degraded: (error) => flow.emit('degraded', () => ['store', error]),
  };
}

module.exports = { hostOf, ownerOf };
