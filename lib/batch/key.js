'use strict';
// What a key is.
const { wrongType, outOfRange } = require('../options');

const RANGE = 'a string that is not empty and has no lone surrogates';

/** The key; throws what is none. */
function checkKey(value, option) {
  if (typeof value !== 'string') throw wrongType(option, RANGE, value);
  if (value === '' || !value.isWellFormed()) throw outOfRange(option, RANGE, value);
  return value;
}

module.exports = { checkKey };
