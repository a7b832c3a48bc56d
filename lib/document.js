'use strict';
// A parsed body that is not a tree: values by pointer, bytes as they came.
const { Buffer } = require('node:buffer');
const native = require('./native');
const { begin } = require('./completion');
const { make, call, aborted } = require('./errors');
const { read, integer, bytes, boolean, milliseconds, oneOf, signal, wrongType } = require('./options');
const { INLINE_BYTES } = require('./intake');
const { build } = require('./tree');

const limits = {
  maxDepth: integer(1, 10000, 200),
  proto: oneOf(['error', 'remove', 'ignore'], 'error'),
  duplicateKeys: oneOf(['error', 'last'], 'last'),
  utf8: oneOf(['strict', 'replace'], 'strict'),
};
// options of a source are accepted, so that one object serves readDocument and parse; what they rule is not there
const parseShape = {
  maxBytes: bytes(10 * 1024 * 1024),
  maxEncodedBytes: bytes(undefined),
  inflate: boolean(true),
  timeoutMs: milliseconds(1),
  idleTimeoutMs: milliseconds(1),
  signal,
  ...limits,
};

/** How the limits cross; see `limits` in src/body.rs. */
const flagsOf = ({ proto, duplicateKeys, utf8 }) =>
  ['error', 'remove', 'ignore'].indexOf(proto) | (duplicateKeys === 'error' ? 4 : 0) | (utf8 === 'replace' ? 8 : 0);

const pointerOf = (pointer) => {
  if (typeof pointer !== 'string') throw wrongType('pointer', 'a string', pointer);
  return pointer;
};

function bytesOf(input, { utf8 }) {
  if (typeof input === 'string') {
    if (utf8 === 'strict' && !input.isWellFormed()) throw make('BodyCharset', { detail: 'the string has lone surrogates' });
    return Buffer.from(input);
  }
  if (!ArrayBuffer.isView(input)) throw wrongType('bytes', 'bytes or a string', input);
  return Buffer.from(input.buffer, input.byteOffset, input.byteLength);
}

/** The JSON text of a new value, or null for one to be removed. */
function textOf(value, pointer) {
  if (value === undefined) return null;
  const refuse = () => wrongType(`changes[${JSON.stringify(pointer)}]`, 'a value that JSON can hold', value);
  let text;
  try {
    text = JSON.stringify(value);
  } catch {
    throw refuse();
  }
  if (text === undefined) throw refuse();
  return text;
}

const ours = Symbol('made by this package');

class JsonDocument {
  #held;

  constructor(key, held) {
    if (key !== ours) throw make('OptionType', { option: 'new JsonDocument()', range: 'replaced by JsonDocument.parse() or readDocument()', value: 'new' });
    this.#held = held;
  }

  /** @internal of what native code made */
  static from(held) {
    return new JsonDocument(ours, held);
  }

  static async parse(input, options) {
    const settings = read(parseShape, options);
    if (settings.signal?.aborted) throw aborted(settings.signal, 'parsing');
    const buffer = bytesOf(input, settings);
    const { maxBytes, maxDepth } = settings;
    if (buffer.length > maxBytes) throw make('BodyTooLarge', { limit: maxBytes, received: buffer.length });
    const flags = flagsOf(settings);
    if (buffer.length <= INLINE_BYTES) return JsonDocument.from(call(native.documentParse, buffer, maxDepth, flags));
    const intake = native.intakeOpen();
    native.intakePush(intake, buffer);
    return JsonDocument.from(
      await begin((shell, id) => native.bodyDocument(shell, id, intake, 0, maxBytes, maxDepth, flags)),
    );
  }

  #open() {
    if (this.#held === null) throw make('Closed', { what: 'JsonDocument' });
    return this.#held;
  }

  get(pointer) {
    const text = call(native.documentGet, this.#open(), pointerOf(pointer));
    return text === null ? undefined : JSON.parse(text);
  }

  getMany(pointers) {
    if (!Array.isArray(pointers)) throw wrongType('pointers', 'an array of strings', pointers);
    return pointers.map((pointer) => this.get(pointer));
  }

  has(pointer) {
    return call(native.documentHas, this.#open(), pointerOf(pointer));
  }

  length(pointer) {
    return call(native.documentLength, this.#open(), pointerOf(pointer));
  }

  raw(pointer = '') {
    return call(native.documentRaw, this.#open(), pointerOf(pointer));
  }

  with(changes) {
    const held = this.#open();
    if (changes === null || typeof changes !== 'object') throw wrongType('changes', 'an object of values by pointer', changes);
    const pointers = Object.keys(changes);
    return call(native.documentWith, held, pointers, pointers.map((pointer) => textOf(changes[pointer], pointer)));
  }

  async toObject() {
    const held = this.#open();
    return build(await begin((shell, id) => native.documentSlices(shell, id, held)));
  }

  get byteLength() {
    return native.documentSize(this.#open());
  }

  close() {
    if (this.#held !== null) native.documentClose(this.#held);
    this.#held = null;
  }
}
if (Symbol.dispose) {
  Object.defineProperty(JsonDocument.prototype, Symbol.dispose, { value: JsonDocument.prototype.close, writable: true, configurable: true });
}

module.exports = { JsonDocument, limits, flagsOf };
