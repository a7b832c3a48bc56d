'use strict';
// What earlier processes have left in a log comes back in pages, a turn of the event loop for each.
const native = require('../native');
const { nextTurn } = require('../completion');
const { call } = require('../errors');

const PAGE = 500;
/** Numbers and values of each thing on a page; see src/batch/log.rs. */
const NUMBERS = 6;
const VALUES = 3;
const [ROW, LETTER] = [0, 1];

/**
 * Calls `to.row(seq, at, attempts, tag, payload, key)`, `to.letter(… , error, died)` and `to.seen(key, seq or
 * undefined, expires, result or null)` for all that is there: keys first, then letters, then rows, in order.
 */
async function recover(held, to) {
  for (;;) {
    const page = call(native.logPage, held, PAGE);
    if (!page) return;
    const [numbers, values] = page;
    const count = numbers.length / NUMBERS;
    for (let index = 0; index < count; index += 1) one(numbers, index * NUMBERS, values, index * VALUES, to);
    if (count < PAGE) return;
    await nextTurn();
  }
}

function one(numbers, at, values, from, to) {
  const [payload, key, error] = [values[from], values[from + 1], values[from + 2]];
  const kind = numbers[at];
  if (kind === ROW) to.row(numbers[at + 1], numbers[at + 2], numbers[at + 3], numbers[at + 4], payload, key);
  else if (kind === LETTER) to.letter(numbers[at + 1], numbers[at + 2], numbers[at + 3], numbers[at + 4], payload, key, error, numbers[at + 5]);
  else to.seen(key, numbers[at + 1] < 0 ? undefined : numbers[at + 1], numbers[at + 2], payload);
}

module.exports = { recover };
