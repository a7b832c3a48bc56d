/**
 * sluice: stream assembly and body intake, native.
 *
 * Units: names ending in `Ms` are milliseconds, in `Bytes` bytes. Defaults stand behind `@default`.
 * Options are checked by name: an unknown name, a wrong type or a value out of range is ERR_INVALID_OPTION, a TypeError
 * or RangeError that names the option, its range and the value it got.
 * Mistakes of the caller: constructors and synchronous functions throw, functions that return a promise reject.
 * Errors are of the caller's realm; docs/errors.md lists their codes, classes, fields and messages.
 * Needs TypeScript >= 5.4 and @types/node >= 20.16. An "Error" that comes in is whatever is one in any realm:
 * `instanceof`, `util.types.isNativeError`, or the tag `[object Error]` / `[object DOMException]`.
 */
/// <reference types="node" />
import type { IncomingMessage, ServerResponse, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Readable, Transform, Writable } from 'node:stream';

// ---- errors

/** Every error this package makes carries one of these in `err.code`; a message may change, a code may not. */
export type SluiceErrorCode =
  | 'ERR_PLATFORM'            // no binary for this platform; the message names the package to install
  | 'ERR_INVALID_OPTION'      // RangeError or TypeError: names the option, the range and the value it got
  | 'ERR_CLOSED'              // used after close()
  | 'ERR_TIMEOUT'             // a body that did not arrive in time; err.status = err.statusCode = 408
  | 'ERR_ABORTED'             // an AbortSignal fired (err.cause is signal.reason), or the client left a pipe
  | 'ERR_INTERNAL'            // a contained panic: the object is unusable, the process is not
  | 'ERR_UNSUPPORTED'         // a dialect cannot say it; err.pointer
  | 'BODY_TOO_LARGE'          // err.status = err.statusCode = 413, err.limit, err.received, err.type = 'entity.too.large'
  | 'ERR_BODY_ABORTED' | 'ERR_BODY_LENGTH'        // err.status 400
  | 'ERR_BODY_ENCODING' | 'ERR_BODY_CHARSET'      // err.status 415
  | 'ERR_BODY_JSON'           // a SyntaxError without a status: services map it; err.offset (bytes), err.line, err.column (from 1)
  | 'ERR_STREAM_FRAME'        // a frame over its limit or not decodable; err.offset: where it starts, in bytes of the stream
  | 'ERR_STREAM_UPSTREAM';    // the provider reported an error inside the stream; err.provider holds its own object

// ---- streams

/** What a provider sends. docs/stream.md says what is read from each. */
export type StreamFormat = 'openai-chat' | 'openai-responses' | 'claude' | 'gemini' | 'ollama' | 'bedrock-converse' | 'kiro';
/** What a client can be given. */
export type ClientFormat = 'openai-chat' | 'openai-responses' | 'claude' | 'gemini' | 'ollama';

export interface StreamAssemblerOptions {
  /**
   * What the provider sends. 'auto' decides on the first telling event: not on comments, pings or empty choices. It
   * holds nothing back meanwhile when bytes pass through. @default 'auto'
   */
  from?: StreamFormat | 'auto';
  /** What the client gets. @default the same as the provider sends: its bytes pass through untouched */
  to?: ClientFormat;
  /** Of the upstream; the client's follows from `to`. @default what `from` usually has: 'ndjson' for ollama, 'aws-eventstream' for bedrock-converse and kiro, else 'sse' */
  framing?: 'sse' | 'ndjson' | 'aws-eventstream';
  /** The model that the client is told. @default what the provider told */
  model?: string;
  /** The id that the client is told. @default what the provider told, else one of `newId('message')` */
  id?: string;
  /** Ids that the provider did not give. Called only when one is needed. @default 'msg_' or 'call_' and 24 random hexadecimal digits */
  newId?: (kind: 'message' | 'call') => string;
  /** Milliseconds since 1970, read once, for dialects that date their messages. @default () => Date.now() */
  now?: () => number;
  /** The longest event. @default 64 MiB; at most 1 GiB */
  maxEventBytes?: number;
  /** The longest message: text, reasoning, arguments and whole parts, as they are written in JSON. Bounds takeEvents() too. @default 64 MiB; at most 1 GiB */
  maxTextBytes?: number;
  /** push() returns a view that the next call overwrites, or the chunk itself: for callers that copy at once or await the write callback. @default false: bytes of the caller's own */
  reuse?: boolean;
  /** Which sides takeEvents() keeps. @default none: nothing is parsed that need not be */
  events?: 'upstream' | 'client' | 'both';
}
/** `arguments` is the JSON text as the provider wrote it; `signature` is Gemini's, of a signed call. */
export interface ToolCall { id: string; name: string; arguments: string; signature?: string }
export type MessagePart =
  | { type: 'text' | 'refusal'; text: string }
  | { type: 'reasoning'; text: string; signature?: string }
  | { type: 'tool_call'; call: ToolCall }
  /** What no other part can say, as the provider's own object: server tools, images, redacted thoughts. */
  | { type: 'other'; raw: unknown };
/** What a stream or a whole response said. `text`, `reasoning`, `refusal`, `toolCalls`, `parts` and `finishReason` are the first choice's. */
export interface AssembledMessage {
  /** In the order they came. */
  parts: MessagePart[];
  text: string;
  reasoning: string;
  refusal: string;
  toolCalls: ToolCall[];
  /** In common words; null while, or because, the provider gave none: never invented. */
  finishReason: 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'error' | null;
  /** In the provider's word. */
  rawFinishReason: string | null;
  /**
   * The last count of each kind that was not 0. Dialects count differently; here input is all that was read, cached or
   * not, and output all that was written, reasoning included. `totalTokens` is the provider's, else their sum.
   */
  usage: { inputTokens: number; outputTokens: number; totalTokens: number; cachedTokens: number; cacheCreationTokens: number; reasoningTokens: number } | null;
  model: string | null;
  id: string | null;
  /** True only when the provider said that it was done. */
  complete: boolean;
  /** Events that came, without end marks. */
  events: number;
  /** ERR_STREAM_UPSTREAM when the provider reported an error; from pipeStream also what ended the transfer. */
  error: Error | null;
  choices: { index: number; text: string; reasoning: string; refusal: string; toolCalls: ToolCall[]; finishReason: string | null }[];
}
/**
 * Upstream bytes in, in any split; client bytes out; the whole message at the end. One call per network read.
 * After ERR_STREAM_FRAME each push throws the same error; what the events before it said comes with fail() or finish().
 */
export class StreamAssembler {
  constructor(options?: StreamAssemblerOptions);
  /** Bytes for the client, possibly none; the caller's to keep (but see `reuse`). Throws ERR_STREAM_FRAME only. */
  push(chunk: Uint8Array): Uint8Array;
  /** One event that is parsed already, as SDKs yield them: same state and same output as its bytes. */
  pushEvent(event: object): Uint8Array;
  /** What is still due: a last event without its blank line, the end marker of `to`. Never an invented success. Idempotent. */
  finish(): Uint8Array;
  /** The error frame of the client's format, escaped; openai-chat while 'auto' is undecided; an AWS exception frame for kiro and bedrock without `to`. Nothing follows it. */
  fail(error: { message?: string; status?: number; type?: string }): Uint8Array;
  /** The message so far. Everything in it is the caller's. */
  message(): AssembledMessage;
  /** The first choice's text so far. */
  text(): string;
  /** The events since the last call as parsed objects, for hooks and adapters; `events` names the sides that are kept. @default side 'upstream' */
  takeEvents<E = any>(side?: 'upstream' | 'client'): E[];
  /** The provider said that it was done: docs/stream.md has what counts for each format. */
  readonly complete: boolean;
  readonly events: number;
}
export interface PipeOptions extends StreamAssemblerOptions {
  signal?: AbortSignal;
  /** Comment frames between events, and before the first; none in NDJSON. 0: none. @default 0 */
  heartbeatMs?: number;
  /** May change the event; what it leaves is sent. Only then is anything parsed on the way through. Called once per upstream event, and when converting once more per client event. */
  onEvent?: (event: any, context: { side: 'upstream' | 'client' }) => void | Promise<void>;
  /** The upstream failed, with its own error object. `true`: handled; no error frame is written and the client stays open, so that while bytesSent (heartbeats do not count) is 0 another upstream may answer. Called too for errors that the provider reports, for a truncated upstream, and before a rejection with ERR_STREAM_FRAME. */
  onError?: (error: Error, context: { bytesSent: number; message: AssembledMessage }) => boolean | void | Promise<boolean | void>;
  /** Client gone: read on for the usage, instead of cancelling the upstream. */
  drainForUsage?: boolean;
  end?: boolean;             // true
  /** Sent with the first bytes when none were sent before, so that an upstream failure can still be a status. Merged over the framing's own (`content-type`, `cache-control: no-cache`, `connection: keep-alive` on HTTP/1, `x-accel-buffering: no`). */
  headers?: false | Record<string, string>;
}
/**
 * Upstream (bytes, or parsed events) to client with backpressure, heartbeat between events, cancellation both ways.
 * Resolves with what was assembled, `complete` and `error` telling how it ended: provider and transport errors, a truncated upstream, a client that left (`error.code` ERR_ABORTED).
 * Rejects for the caller's own signal (ERR_ABORTED), ERR_STREAM_FRAME and a client write error, with `err.partial`: what was assembled by then.
 */
export function pipeStream(upstream: AsyncIterable<Uint8Array | object> | Readable | ReadableStream<Uint8Array>, client: Writable | ServerResponse | Http2ServerResponse, options?: PipeOptions): Promise<AssembledMessage>;
export function streamTransform(options?: StreamAssemblerOptions): Transform & { message(): AssembledMessage };
export function streamTransformWeb(options?: StreamAssemblerOptions): TransformStream<Uint8Array, Uint8Array> & { message(): AssembledMessage };
export interface ConvertOptions { to: ClientFormat; model?: string; id?: string; newId?: (kind: 'message' | 'call') => string; now?: () => number }
/** Request bodies between dialects: messages, system, tools, tool results, images, sampling. What the target cannot say is ERR_UNSUPPORTED with its pointer, or dropped when lossy. Same dialect: untouched but for `model`. */
export function convertRequest(body: JsonDocument | Uint8Array | object, options: ConvertOptions & { from: ClientFormat; lossy?: boolean }): Buffer;
/** Whole (not streamed) response bodies between dialects. */
export function convertResponse(body: Uint8Array | object, options: ConvertOptions & { from: StreamFormat }): Buffer;
/** A whole response body, read: text, calls, finish reason, usage. */
export function parseResponse(body: Uint8Array | object, options: { from: StreamFormat | 'auto' }): AssembledMessage;
/** A message as a response body or as a stream: to serve a cached answer. */
export function renderMessage(message: AssembledMessage, options: ConvertOptions & { stream: boolean }): Buffer;
export interface ServerSentEvent {
  event: string; data: string; id: string; retry?: number;
  /** The AWS `:exception-type` (or `:error-code`), in exception frames only. */
  exception?: string;
}
/** Standard event-stream decoding, for sources that are not LLMs. Other framings: `event` is the AWS `:event-type` or 'message', `data` the line or payload. ERR_STREAM_FRAME carries the whole events before it as `err.events`. */
export class EventStreamDecoder { constructor(options?: { maxEventBytes?: number; framing?: 'sse' | 'ndjson' | 'aws-eventstream' }); push(chunk: Uint8Array): ServerSentEvent[]; finish(): ServerSentEvent[] }

// ---- bodies

export interface BodyOptions {
  /** Bytes after decoding; more is BODY_TOO_LARGE (413). @default 10 MiB */
  maxBytes?: number;
  /** Bytes on the wire; a body without a coding is held to the smaller of both. @default maxBytes */
  maxEncodedBytes?: number;
  /** gzip (of several members too), deflate (zlib or raw), br, zstd, one layer. false: a coded body is ERR_BODY_ENCODING (415). @default true */
  inflate?: boolean;
  /** Milliseconds until the last byte, and between two chunks; then ERR_TIMEOUT (408). @default none */
  timeoutMs?: number; idleTimeoutMs?: number;
  /** Rejects with ERR_ABORTED, whose cause is the signal's reason. */
  signal?: AbortSignal;
}
export interface JsonOptions extends BodyOptions {
  /** Objects and arrays inside each other, 1 to 10000; deeper is ERR_BODY_JSON. @default 200 */
  maxDepth?: number;
  /** `__proto__` keys, and `constructor` keys whose value has a key `prototype`: refused (ERR_BODY_JSON), left out, or kept as data. @default 'error' */
  proto?: 'error' | 'remove' | 'ignore';
  /** Equal keys in one object: refused (ERR_BODY_JSON), or the last one counts. @default 'last' */
  duplicateKeys?: 'error' | 'last';
  /** Broken UTF-8: ERR_BODY_CHARSET (415), or U+FFFD in its place. @default 'strict' */
  utf8?: 'strict' | 'replace';
}
/** Requests of every kind, and anything that emits 'data' and 'end' (chunks may be strings, headers may be missing). */
export type BodySource = IncomingMessage | Http2ServerRequest | Readable | ReadableStream<Uint8Array> | Request
  | { on(event: string, listener: (...args: any[]) => void): unknown; headers?: IncomingHttpHeaders };
/** Resolves once with the whole decoded body; rejects once with a coded error. Never destroys the request; past a limit it rejects at once and drains behind that, at most 2x the limit or 1 s, so that whoever answers can be heard. */
export function readBody(source: BodySource, options?: BodyOptions): Promise<Buffer>;
export function readText(source: BodySource, options?: BodyOptions): Promise<string>;
/** An empty or blank body is `{}`, for readDocument too. Large bodies are decoded, checked and indexed off the event loop. */
export function readJson<T = any>(source: BodySource, options?: JsonOptions): Promise<T>;
/** As readJson, without building the tree: read the fields that matter, forward the bytes. */
export function readDocument(source: BodySource, options?: JsonOptions): Promise<JsonDocument>;
export class JsonDocument {
  static parse(bytes: Uint8Array | string, options?: JsonOptions): Promise<JsonDocument>;
  /** RFC 6901 pointer. undefined: not there. */
  get<T = any>(pointer: string): T | undefined;
  getMany(pointers: string[]): unknown[];
  has(pointer: string): boolean;
  /** Elements or members; -1 for what is neither. */
  length(pointer: string): number;
  /** A copy of the original bytes of a value; of all bytes, white space too, for the root. A pointer to nothing throws ERR_INVALID_OPTION. */
  raw(pointer?: string): Buffer;
  /**
   * The document's bytes with values replaced or added by pointer, undefined removes, `/-` appends; all else untouched, all in one copy.
   * Throws ERR_INVALID_OPTION for a parent that is not there, an index beyond the end, the root removed, and changes inside one another.
   */
  with(changes: Record<string, unknown>): Buffer;
  /** The whole tree, built in slices so that the event loop never waits long. */
  toObject<T = any>(): Promise<T>;
  /** Bytes of the text. */
  readonly byteLength: number;
  /** Gives the memory back; any later use is ERR_CLOSED. */
  close(): void;
  [Symbol.dispose](): void;
}
/** Answers an error: its status (errors not ours: 500 without their message), `connection: close` on HTTP/1, a body in the caller's own shape when given. */
export function respondWithError(req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse, error: unknown, options?: { body?: string | Uint8Array; headers?: OutgoingHttpHeaders }): Promise<void>;


export const version: string;
