'use strict';
// onEvent: each event of a side is decoded, given to the hook as a plain object, and framed again as the hook left it.
const native = require('./native');
const { outOfRange } = require('./options');
const { Decoder } = require('./event-stream');

const NOTHING = Buffer.alloc(0);
const BEDROCK = new Set(['messageStart', 'contentBlockStart', 'contentBlockDelta', 'contentBlockStop', 'messageStop', 'metadata']);

/** One side of the pipe: its framing, read and written. */
class Side {
  framing;
  #from;
  #decoder;
  #lastId = '';

  constructor(framing, from, maxEventBytes) {
    this.framing = framing;
    this.#from = from;
    this.#decoder = new Decoder(framing, true, maxEventBytes);
  }

  push(bytes) {
    return this.#decoder.push(bytes);
  }

  finish() {
    return this.#decoder.finish();
  }

  /** A frame has begun that is not whole. */
  get cut() {
    return !this.#decoder.onBoundary;
  }

  /** The event's object as SDKs would give it; undefined for what is none (`[DONE]`, exceptions). */
  object({ event, data, exception }) {
    if (exception !== undefined || !/^\s*\{/.test(data)) return undefined;
    const object = parse(data);
    if (this.framing !== 'aws-eventstream' || object === undefined) return object;
    if (this.#isBedrock(event)) return { [event]: object };
    return this.#isCoded(object) ? parse(Buffer.from(object.bytes, 'base64').toString()) : object;
  }

  /** The frame of an event whose object a hook has seen; of the event as it was without one. */
  frame(event, object, type) {
    if (this.framing === 'aws-eventstream') return this.#awsFrame(event, object);
    const data = object === undefined ? event.data : JSON.stringify(object);
    if (this.framing === 'ndjson') return Buffer.from(`${data}\n`);
    let text = '';
    // the name of an event that is named after its type follows the type
    const name = object !== undefined && event.event === type && typeof object.type === 'string' ? object.type : event.event;
    if (/[\r\n]/.test(name)) throw outOfRange('event.type', 'a text without line ends', name);
    if (name !== 'message') text += `event: ${name}\n`;
    if (event.id !== this.#lastId) text += `id: ${event.id}\n`;
    this.#lastId = event.id;
    if (event.retry !== undefined) text += `retry: ${event.retry}\n`;
    return Buffer.from(`${text}data: ${data.replaceAll('\n', '\ndata: ')}\n\n`);
  }

  #awsFrame({ event, data, exception = '' }, object) {
    if (object === undefined) return native.awsFrame(event, exception, Buffer.from(data));
    if (this.#isBedrock(event)) {
      const [name = event, payload = {}] = Object.entries(object)[0] ?? [];
      return native.awsFrame(name, '', Buffer.from(JSON.stringify(payload)));
    }
    const json = JSON.stringify(object);
    const payload = this.#isCoded(parse(data)) ? JSON.stringify({ bytes: Buffer.from(json).toString('base64') }) : json;
    return native.awsFrame(event, '', Buffer.from(payload));
  }

  #isBedrock(name) {
    return this.#from === 'bedrock-converse' || (this.#from === 'auto' && BEDROCK.has(name));
  }

  /** Claude's events are base64 inside AWS frames. */
  #isCoded(object) {
    return (this.#from === 'claude' || this.#from === 'auto') && typeof object.bytes === 'string';
  }
}

class EventHooks {
  /** What made the upstream unreadable, behind the events before it. */
  error = undefined;
  #onEvent;
  #until;
  #options;
  #upstream;
  #client;

  constructor(options, until) {
    this.#onEvent = options.onEvent;
    this.#until = until;
    this.#options = options;
  }

  /** What the hook leaves of an upstream item: bytes for bytes, an event for an event. */
  async upstream(item) {
    if (typeof item === 'string') item = Buffer.from(item);
    if (item !== null && typeof item === 'object' && !ArrayBuffer.isView(item) && !isArrayBuffer(item)) {
      const event = JSON.parse(JSON.stringify(item));
      await this.#call(event, 'upstream');
      return event;
    }
    const bytes = ArrayBuffer.isView(item) ? item : new Uint8Array(item);
    this.#upstream ??= this.#open(bytes);
    return this.#upstream === undefined ? NOTHING : this.#through(this.#upstream, 'upstream', () => this.#upstream.push(bytes));
  }

  /** What the upstream's last events become. */
  async finish() {
    return this.#upstream === undefined ? NOTHING : this.#through(this.#upstream, 'upstream', () => this.#upstream.finish());
  }

  /** The upstream ended inside an AWS frame; in other framings the end mark tells. */
  get cut() {
    return this.#upstream?.cut === true && this.#upstream.framing === 'aws-eventstream';
  }

  /** What the hook leaves of the client's frames. */
  async client(bytes) {
    if (bytes.length === 0) return bytes;
    const { to, maxEventBytes } = this.#options;
    this.#client ??= new Side(to === 'ollama' ? 'ndjson' : 'sse', to, maxEventBytes);
    return this.#through(this.#client, 'client', () => this.#client.push(bytes));
  }

  async #through(side, name, decode) {
    let events;
    try {
      events = decode();
    } catch (error) {
      if (error.events === undefined) throw error;
      ({ events } = error);
      delete error.events;
      this.error = error;
    }
    const frames = [];
    for (const event of events) {
      const object = side.object(event);
      const type = object?.type;
      if (object !== undefined) await this.#call(object, name);
      frames.push(side.frame(event, object, type));
    }
    return Buffer.concat(frames);
  }

  async #call(event, side) {
    const pending = this.#onEvent(event, { side });
    if (typeof pending?.then === 'function') await this.#until(pending);
  }

  /** The upstream's side, once its framing is known: by option, by format, or by its first byte. */
  #open(bytes) {
    const { framing, from, maxEventBytes } = this.#options;
    const usual = { ollama: 'ndjson', 'bedrock-converse': 'aws-eventstream', kiro: 'aws-eventstream' };
    const known = framing ?? (from === 'auto' ? sniff(bytes) : usual[from] ?? 'sse');
    return known === undefined ? undefined : new Side(known, from, maxEventBytes);
  }
}

function sniff(bytes) {
  const first = bytes.find((byte) => ![0x20, 0x09, 0x0a, 0x0d].includes(byte));
  if (first === undefined) return undefined;
  return first === 0x7b ? 'ndjson' : first === 0 ? 'aws-eventstream' : 'sse';
}

function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

const isArrayBuffer = (value) => Object.prototype.toString.call(value) === '[object ArrayBuffer]';

module.exports = { EventHooks, isArrayBuffer };
