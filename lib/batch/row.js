'use strict';
// What the log knows of an item: `entry.row`.
const { TAG, decode, encode } = require('../codec');
const { dateMoment } = require('../elapsed');
const { make } = require('../errors');
const { keepShape } = require('../shapes');

class Row {
  /** Its number, which is the item's public id; 0 until it is on its way to the log. */
  seq;
  tag;
  /** Text for JSON and text, else a Buffer. */
  payload;
  /** When it came, by the clock on the wall. */
  at;
  /** It is on disk. */
  isStored;

  constructor(seq, tag, payload, at, isStored) {
    this.seq = seq;
    this.tag = tag;
    this.payload = payload;
    this.at = at;
    this.isStored = isStored;
  }

  /** A value of its own for whoever asks: a handler may write into what it is given. */
  value() {
    return this.tag === TAG.BYTES ? Buffer.from(this.payload) : decode(this.tag, this.payload);
  }
  get bytes() {
    return typeof this.payload === 'string' ? Buffer.byteLength(this.payload) : this.payload.length;
  }
}

/** The row of an item that comes; throws ERR_VALUE for what cannot be written down. */
function rowOf(codec, item) {
  if (item === undefined) throw make('Value', { what: 'the item', detail: 'undefined is no item; add null' });
  let encoded;
  try {
    encoded = encode(codec, 'item', item);
  } catch (error) {
    throw error.code === 'ERR_VALUE' ? make('Value', { what: 'the item', detail: error.detail }, error.cause) : error;
  }
  const { tag, payload } = encoded;
  // bytes are the caller's, who may go on writing into them
  return new Row(0, tag, tag === TAG.BYTES ? Buffer.from(payload) : payload, dateMoment(), false);
}

keepShape(new Row(0, TAG.JSON, '', Date.now(), false));

module.exports = { Row, rowOf };
