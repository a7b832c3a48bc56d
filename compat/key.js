'use strict';
/** A key as the engines take it: ids are often numbers. */
const nameOf = (key) => (typeof key === 'number' ? String(key) : key);

module.exports = { nameOf };
