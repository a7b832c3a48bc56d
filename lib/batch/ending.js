'use strict';
// How entries end: delivered, failed, dropped, given up.
const { STATE } = require('./entry');
const { resultJson } = require('./idempotency');
const { op } = require('./layout');
const { isRetryable, retryAfterMs } = require('../retryable');

const wallClock = () => Date.now();
const NEVER_AGAIN = { isRetryable: false, afterMs: 0 };

/** Whether an error is worth another try, and when; what the owner's function throws leaves it to the usual rule. */
function verdict({ config }, error) {
  let answer;
  try {
    answer = config.retryable === undefined ? isRetryable(error) : Boolean((0, config.retryable)(error));
  } catch {
    answer = isRetryable(error);
  }
  return { isRetryable: answer, afterMs: answer ? retryAfterMs(error, wallClock) : 0 };
}
/** A number from 0 to below 1, whatever the owner's function gives. */
function chance(flow) {
  const random = (0, flow.random)();
  return random >= 0 && random < 1 ? random : 0;
}
/** Failures as the machine takes them; those of one error are judged once. */
function judged(flow, failures) {
  let last;
  let known;
  return failures.map(({ place, error, isFinal }) => {
    if (known === undefined || error !== last) known = isFinal ? NEVER_AGAIN : verdict(flow, error);
    last = error;
    return { place, isRetryable: known.isRetryable, afterMs: known.afterMs, random: known.isRetryable ? chance(flow) : 0 };
  });
}

/** A batch has ended: `failures` lists what has failed of it, all else is delivered. */
function ended(flow, batch, results, failures) {
  const { entries, number } = batch;
  flow.batches[number] = undefined;
  flow.flying -= 1;
  if (failures === undefined) {
    for (let at = 0; at < entries.length; at += 1) delivered(flow, entries[at], results === undefined ? undefined : results[at]);
    flow.wentWell(number, entries.length);
    return;
  }
  const told = judged(flow, failures);
  // who gave up is looked at when the machine has heard: another try must not be due at once
  for (const failure of told) if (entries[failure.place].isUnwanted) failure.afterMs = Math.max(1, failure.afterMs);
  let next = 0;
  for (let at = 0; at < entries.length; at += 1) {
    if (next < failures.length && failures[next].place === at) {
      failed(flow, entries[at], failures[next].error, batch.attempt);
      next += 1;
    } else {
      delivered(flow, entries[at], results === undefined ? undefined : results[at]);
    }
  }
  flow.tell((machine, now) => machine.finish(number, told, now));
  for (const { place } of failures) triesAgain(flow, entries[place]);
  flow.act();
}

function delivered(flow, entry, result) {
  entry.state = STATE.GONE;
  if (flow.log !== undefined || entry.claim !== undefined) remember(flow, entry, result);
  entry.succeed(result);
}
/** Disk and repeats hear of it. */
function remember({ claims, log, config }, entry, result) {
  const json = entry.claim === undefined ? undefined : resultJson(result);
  if (log !== undefined) {
    const seen = entry.claim === undefined ? undefined : { expires: Date.now() + config.idempotency.ttl * 1000, result: json ?? null };
    log.complete(entry, seen);
  }
  if (entry.claim !== undefined) claims.done(entry, result, json);
}
/** The machine is about to say whether there is another try. */
function failed(flow, entry, error, attempts) {
  entry.state = STATE.BACK;
  entry.error = error;
  entry.attempts = attempts;
  flow.left.set(entry.id, entry);
}
/** After that: the log hears of the try, and one whose caller has given up meanwhile is not tried again. */
function triesAgain(flow, entry) {
  const { state } = entry;
  // a try that was due at once is with the handler again
  if (state !== STATE.BACK && state !== STATE.AWAY) return;
  if (state === STATE.BACK && entry.isUnwanted) giveUp(flow, entry);
  else if (flow.log !== undefined) flow.log.attempts(entry, entry.attempts);
}

/** It goes without having been delivered; the machine knows. */
function discard(flow, entry, error) {
  const { state } = entry;
  if (state === STATE.GONE) return;
  entry.state = STATE.GONE;
  if (flow.left.get(entry.id) === entry) flow.left.delete(entry.id);
  else if (entry.lane !== undefined) entry.lane.skip();
  flow.roomless.delete(entry.id);
  if (flow.claims !== undefined) {
    flow.claims.withdraw(entry);
    flow.claims.failed(entry, error);
  }
  if (flow.log !== undefined) flow.log.forget(entry);
  entry.fail(error);
}

/** Its caller's signal has fired. One that is with the handler stays there. */
function giveUp(flow, entry, error = entry.error) {
  if (entry.state !== STATE.QUEUED && entry.state !== STATE.BACK) return;
  takeOut(flow, entry, op.ABORT, error);
}

/** Out of the machine, where that still has it, before what else it says is read: its "next n" are without this one. Whether it was there. */
function takeOut(flow, entry, operation, error) {
  // one that Redis is still asked for is not known to the machine
  let isOut = entry.lane === undefined;
  if (isOut) discard(flow, entry, error);
  else isOut = flow.cross(operation, entry.id, entry.lane.number, (answer) => answer === 1 && discard(flow, entry, error)) === 1;
  flow.act();
  return isOut;
}

module.exports = { ended, discard, giveUp, takeOut, judged, delivered, failed, triesAgain };
