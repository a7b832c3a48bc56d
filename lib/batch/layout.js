'use strict';
// Where things lie in the numbers that the machine shares with the shell: src/batch/layout.rs says what each means.

const NEED = 32;
const NEED_LANES = 128;
const ARRIVALS = NEED + 2 * NEED_LANES;
const INBOX_SIZE = 512;
const AUX = ARRIVALS + 5 * INBOX_SIZE;
const AUX_SIZE = 128;
const ENDED = AUX + 4 * AUX_SIZE;
const ENDED_SIZE = 256;
const OUT = ENDED + ENDED_SIZE;
const OUT_SIZE = 1024;

module.exports = {
  INBOX: 0,
  MORE: 1,
  RESULT: 2,
  LAST_ID: 3,
  ADMIT_TO: 4,
  TELL_AT: 5,
  BUSY: 6,
  WAKE_AT: 7,
  TURN: 8,
  SIZE: 9,
  WAITING: 10,
  IN_FLIGHT: 11,
  DEAD_LETTERS: 12,
  LINGERING: 13,
  OLDEST_AGE: 14,
  LINGER: 15,
  STATS: 16,
  ACCOUNT: 22,
  ENDINGS: 28,
  LEEWAY: 29,
  NEED,
  NEED_LANES,
  ARRIVALS,
  INBOX_SIZE,
  ALIKE: 4096,
  AUX,
  AUX_SIZE,
  ENDED,
  ENDED_SIZE,
  OUT,
  OUT_SIZE,
  LENGTH: OUT + OUT_SIZE,
  op: {
    STEP: 0,
    FINISH: 1,
    FAILURES: 2,
    FLUSH: 3,
    CLOSE: 4,
    LEAVE: 5,
    TAKE: 6,
    SETTLE: 7,
    REMOVE: 8,
    ABORT: 9,
    CLEAR: 10,
    PENDING: 11,
    STORED: 12,
    REFUSE: 13,
    REQUEUE: 14,
    ADOPT_DEAD: 15,
    CLEAR_DEAD: 16,
    STATUS: 17,
    RESET_STATS: 18,
    TURN: 19,
    UPDATE: 20,
  },
  act: {
    DISPATCH: 1,
    NAMES: 2,
    TIMED_OUT: 3,
    DEAD: 4,
    DROPPED: 5,
    REFUSED: 6,
    ADMITTED: 7,
    FLUSHED: 8,
    CLOSED: 9,
    HIGH_WATER: 10,
    DRAINED: 11,
    LANE_FORGOTTEN: 12,
    LISTED: 13,
  },
  /** In the order of core's `Reason`. */
  REASONS: ['size', 'bytes', 'timeout', 'flush', 'close', 'idle', 'retry'],
  STATS_NAMES: ['accepted', 'delivered', 'failed', 'retried', 'batches', 'calls'],
  ACCOUNT_NAMES: ['accepted', 'delivered', 'deadLettered', 'dropped', 'aborted', 'kept'],
};
