'use strict';
// Inbox and outbox of a thread: which number is what. Native code's half is `src/limiter/adaptive/boxes.rs`.

const INBOX = {
  REQUESTS: 0, SUCCESSES: 1, FAILURES: 2, LATENCY_MS: 3, LATENCIES: 4, HELD: 5, FULL: 6, THROTTLED: 7, REJECTED: 8,
  // who waits
  WAITING: 9, WANTED: 10, FIRST: 11, WEIGHT: 12,
  // in hand, but on its way: a thread is ended between two calls or rounds, never within one run of statements, so what moves
  // from one place to another does so in one run, and nothing is lost with a thread
  LOOSE: 13,
};
const OUTBOX = { WAKE_AT: 16, MORE: 17, COUNT: 18, EVENTS: 20 };
/** Numbers of one event, and its kinds. */
const [EVENT, GRANTED, ADJUSTED] = [4, 1, 2];
const WHY = [undefined, 'healthy', 'failures', 'slow', 'outage', 'gradient', 'probe'];
const STATUS = [
  'maxRequests', 'currentTokens', 'windowMs', 'concurrency', 'inFlight', 'queued', 'minLimit', 'maxLimit',
  'totalRequests', 'throttledRequests', 'rejectedRequests', 'averageLatency', 'successRate', 'lastAdjustment', 'raised', 'lowered',
];

/** The numbers that a crossing for the status has left, by name. */
function statusOf(box) {
  const out = {};
  for (let at = 0; at < STATUS.length; at += 1) out[STATUS[at]] = box[OUTBOX.EVENTS + at];
  return out;
}
/** What an event of an adjustment at that place says: from, to, why. */
const adjustmentAt = (box, at) => [box[at + 1], box[at + 2], WHY[box[at + 3]]];

module.exports = { INBOX, OUTBOX, EVENT, GRANTED, ADJUSTED, statusOf, adjustmentAt };
