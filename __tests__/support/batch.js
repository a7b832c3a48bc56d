'use strict';
// What suites of the batch buffer share.

/** A handler that notes its calls and whose batches end when the test says so. */
function heldHandler() {
  const calls = [];
  const handler = (items, context) => new Promise((resolve, reject) => {
    calls.push({ items, context, reason: context.reason, attempt: context.attempt, group: context.group, resolve, reject });
  });
  return { handler, calls };
}

/** A handler that notes its calls and gives each item back. */
function notingHandler(result = (item) => item) {
  const calls = [];
  const handler = async (items, { reason, attempt, group, keys }) => {
    calls.push({ items, reason, attempt, group, keys });
    return items.map(result);
  };
  return { handler, calls };
}

/** Lets microtasks run. */
async function microtasks(count = 20) {
  for (let at = 0; at < count; at += 1) await null;
}
/** How a promise stands: 'pending', 'resolved' or 'rejected', after some microtasks. */
async function stateOf(promise) {
  let state = 'pending';
  promise.then(() => (state = 'resolved'), () => (state = 'rejected'));
  await microtasks();
  return state;
}
const withStatus = (status, message = `HTTP ${status}`) => Object.assign(new Error(message), { status });

module.exports = { heldHandler, notingHandler, microtasks, stateOf, withStatus };
