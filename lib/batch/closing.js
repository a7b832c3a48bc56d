'use strict';
// close(): nothing more is taken, what can be delivered is, what is left is kept on disk or told so.
const { make } = require('../errors');
const { STATE } = require('./entry');
const { op } = require('./layout');

/** Resolves with what became of all that was accepted. */
function close(flow, timeoutMs) {
  const closed = () => make('Closed', { what: flow.what });
  flow.refusal = closed;
  const now = flow.now();
  // an owner who pulls has its own way to end: what it has taken is not waited for
  flow.closesAt = timeoutMs === undefined ? (flow.handler === null ? now : Infinity) : now + timeoutMs;
  flow.endsAtOnce = flow.closesAt === now;
  const { log } = flow;
  // what came while it was being opened goes the way of all others
  if (log !== undefined && !log.isReady) return log.recovered.then(() => advance(flow, closed, timeoutMs));
  return advance(flow, closed, timeoutMs);
}

/** Redis is about to say which of those that were brought go on: those do. */
function advance(flow, closed, timeoutMs) {
  const line = timeoutMs === 0 ? undefined : flow.claims?.settledLine();
  return line === undefined ? end(flow, closed) : line.then(() => end(flow, closed));
}

/** Another call, with less patience. */
function hasten(flow, timeoutMs) {
  flow.closesAt = Math.min(flow.closesAt, flow.now() + timeoutMs);
  flow.endsAtOnce ||= timeoutMs === 0;
  if (flow.onClosed !== undefined) tell(flow);
}
/** A limit that is over already ends next: to the machine that would mean that what is in flight may take its time. */
function tell(flow) {
  flow.tell((machine, now) => machine.step(op.CLOSE, !flow.endsAtOnce && flow.closesAt <= now ? now + 1 : flow.closesAt, 0, now));
  flow.act();
}

function end(flow, closed) {
  flow.isEnding = true;
  return new Promise((resolve) => {
    flow.onClosed = () => {
      flow.onClosed = undefined;
      // what is on its way to the disk may be kept
      resolve(flow.log === undefined ? leave(flow, closed) : flow.log.settled().then(() => leave(flow, closed)));
    };
    // what has not got as far as the machine is not accepted: nobody keeps it
    const early = [...flow.held.splice(0), ...(flow.claims === undefined ? [] : flow.claims.withdrawAll())];
    for (const entry of early) reject(flow, entry, closed(), entry.row !== undefined && entry.row.isStored);
    tell(flow);
    if (flow.isBroken) flow.onClosed?.();
  });
}

/** Nothing is handed over any more. */
async function leave(flow, closed) {
  const { log, machine } = flow;
  const left = flow.all();
  flow.cross(op.LEAVE, log === undefined ? 0 : 1);
  for (const batch of flow.batches) batch?.abandon(closed());
  flow.batches = [];
  flow.left.clear();
  flow.roomless.clear();
  for (const entry of left.sort((a, b) => a.id - b.id)) {
    const isKept = log !== undefined && entry.row.isStored;
    const error = closed();
    error.kept = isKept;
    reject(flow, entry, error, isKept);
  }
  flow.letters.clear();
  flow.rest();
  const { accepted, ...account } = machine.account();
  flow.act();
  flow.counts.keep();
  flow.forget();
  if (flow.claims !== undefined) await flow.claims.close();
  if (log !== undefined) await log.close();
  return account;
}

function reject(flow, entry, error, isKept = false) {
  if (entry.isGone) return;
  entry.state = STATE.GONE;
  if (flow.claims !== undefined) flow.claims[isKept ? 'kept' : 'failed'](entry, error);
  if (flow.log !== undefined && !isKept) flow.log.forget(entry);
  entry.fail(error);
}

module.exports = { close, hasten };
