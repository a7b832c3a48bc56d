'use strict';
// What an owner sees and does by itself: take, settle, pending, remove, clear, dead letters.
const { isError, make } = require('../errors');
const { outOfRange, wrongType } = require('../options');
const { STATE } = require('./entry');
const { delivered, discard, failed, judged, takeOut, triesAgain } = require('./ending');
const { op } = require('./layout');

const shown = (flow, entry) => ({
  id: entry.publicId,
  item: flow.itemOf(entry),
  key: entry.key,
  attempts: entry.attempts,
  ageMs: Math.max(0, flow.now() - entry.at) + entry.earlierMs,
});
const inOrder = (a, b) => a.id - b.id;

/** The entry of a public id; undefined when it is none of ours. */
function entryOf(flow, text) {
  if (typeof text !== 'string') throw wrongType('id', 'a string: the id of an item', text);
  const id = Number(text);
  if (!Number.isSafeInteger(id) || String(id) !== text) return undefined;
  if (flow.log !== undefined) return flow.log.find(id);
  return flow.left.get(id) ?? flow.letters.get(id) ?? flow.lanes.find(id);
}

function take(flow, max = Infinity) {
  if (flow.handler !== null) throw make('OptionType', { option: 'handler', range: 'null for take()', value: 'a function' });
  const taken = (flow.taking = []);
  flow.cross(op.TAKE, Math.min(max, Number.MAX_SAFE_INTEGER));
  flow.taking = undefined;
  for (const entry of taken) {
    entry.state = STATE.AWAY;
    flow.left.set(entry.id, entry);
  }
  flow.handed += taken.length;
  const out = taken.map((entry) => shown(flow, entry));
  flow.act();
  return out;
}

function settle(flow, text, result) {
  const entry = entryOf(flow, text);
  // an owner without a handler is the only one that takes
  if (flow.handler !== null || entry === undefined || entry.state !== STATE.AWAY) return false;
  if (typeof result === 'object' && result !== null && isError(result)) {
    const [failure] = judged(flow, [{ place: 0, error: result, isFinal: false }]);
    if (entry.state !== STATE.AWAY) return false; // `retryable` has settled it meanwhile
    failed(flow, entry, result, entry.attempts + 1);
    flow.tell((machine, now) => machine.settle(entry.id, failure, now));
    triesAgain(flow, entry);
  } else {
    flow.left.delete(entry.id);
    delivered(flow, entry, result);
    flow.tell((machine, now) => machine.settle(entry.id, undefined, now));
  }
  flow.act();
  return true;
}

/** Entries that have not left, in the order they came. */
const waiting = (flow) => [...flow.lanes.list(), ...[...flow.left.values()].filter(({ state }) => state === STATE.BACK)].sort(inOrder);
/** Those that the machine has not been told of. */
const entering = (flow) => [...flow.held, ...(flow.claims === undefined ? [] : flow.claims.entries())];

const pending = (flow) => [...waiting(flow), ...entering(flow)].map((entry) => shown(flow, entry));

function remove(flow, text) {
  const entry = entryOf(flow, text);
  if (entry === undefined || (entry.state !== STATE.QUEUED && entry.state !== STATE.BACK)) return false;
  return takeOut(flow, entry, op.REMOVE, make('Aborted', { what: 'the item' }));
}

function clear(flow, reason) {
  const entries = waiting(flow);
  flow.cross(op.CLEAR);
  const early = [...flow.held.splice(0), ...(flow.claims === undefined ? [] : flow.claims.withdrawAll())];
  const error = reason ?? make('Aborted', { what: 'the item' });
  for (const entry of [...entries, ...early]) discard(flow, entry, error);
  flow.act();
  return entries.length + early.length;
}

const deadLetters = (flow) => flow.letters.list((entry) => flow.itemOf(entry));

/** A letter is queued again; its promise has been rejected long ago. */
function retryDeadLetter(flow, text) {
  const entry = entryOf(flow, text);
  if (entry === undefined || flow.letters.take(entry.id) === undefined) throw outOfRange('id', 'the id of a dead letter', text);
  entry.lane = flow.lanes.of(entry.group);
  entry.state = STATE.BACK;
  entry.attempts = 0;
  entry.isEnqueued = true;
  if (flow.claims !== undefined) flow.claims.reclaim(entry);
  flow.left.set(entry.id, entry);
  flow.tell((machine, now) => machine.requeue(entry.id, entry.lane.number, entry.bytes, now));
  if (flow.log !== undefined) flow.log.requeue(entry);
  flow.act();
}

function clearDeadLetters(flow) {
  const entries = flow.letters.entries();
  flow.letters.clear();
  flow.cross(op.CLEAR_DEAD);
  if (flow.log !== undefined) for (const entry of entries) flow.log.forget(entry);
  flow.act();
  return entries.length;
}

module.exports = { take, settle, pending, remove, clear, deadLetters, retryDeadLetter, clearDeadLetters };
