'use strict';
// What an item weighs against `batchBytes`: its bytes, its UTF-8, else the length of its JSON.
const { make } = require('../errors');

function bytesOf(item) {
  if (typeof item === 'string') return Buffer.byteLength(item);
  if (ArrayBuffer.isView(item)) return item.byteLength;
  let json;
  try {
    json = JSON.stringify(item);
  } catch (error) {
    throw make('Value', { what: 'the item', detail: `it has no size, since it cannot be written as JSON: ${error?.message}` }, error);
  }
  return json === undefined ? 0 : Buffer.byteLength(json);
}

module.exports = { bytesOf };
