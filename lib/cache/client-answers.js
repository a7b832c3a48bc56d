'use strict';
// What a client of the application has answered, as the native engine takes it, and what the engine makes of it.
/** How a client answered for a key; see `client_answered` in src/cache/client.rs. */
const SAID = { ABSENT: 0, FOUND: 1, DAMAGED: 2, DOWN: 3 };
const DOWN = [SAID.DOWN, undefined, NaN];

/** A value that was found, of an array as src/cache/client.rs makes it. */
function foundOf([tag, payload, tier, deadline, nearUntil, staleUntil, stale, cell, epoch, era]) {
  return { tag, payload, value: undefined, tier: `l${tier}`, deadline, nearUntil, staleUntil, stale, cell, epoch, era };
}

function saidOf([value, msLeft]) {
  if (value === null) return [SAID.ABSENT, undefined, NaN];
  if (typeof value !== 'string' && !ArrayBuffer.isView(value)) return [SAID.DAMAGED, undefined, NaN];
  // it ended between both commands
  if (msLeft === -2) return [SAID.ABSENT, undefined, NaN];
  const left = typeof msLeft !== 'number' || Number.isNaN(msLeft) ? NaN : msLeft < 0 ? Infinity : msLeft;
  return [SAID.FOUND, value, left];
}

module.exports = { SAID, DOWN, saidOf, foundOf };
