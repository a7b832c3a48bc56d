import type { Readable, Writable } from 'node:stream';
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { AssembledMessage, PipeOptions } from '../index';

export interface HandleStreamOptions extends Omit<PipeOptions, 'onEvent' | 'reuse' | 'events'> {
  /** Each event of the upstream, as an object, before it is sent; awaited. Changes of it are sent. */
  onChunk?: (event: any) => void | Promise<void>;
}
/** A provider's stream to a client; resolves with what was assembled. See docs/migrate.md. */
export function handleStream(
  upstream: AsyncIterable<Uint8Array | object> | Readable | ReadableStream<Uint8Array>,
  res: Writable | ServerResponse | Http2ServerResponse,
  options?: HandleStreamOptions,
): Promise<AssembledMessage>;
