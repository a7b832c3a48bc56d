// Compiled, never run: a strict ES module that uses the public face as a service would.
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import {
  EventStreamDecoder, JsonDocument, StreamAssembler, convertRequest, convertResponse, parseResponse, pipeStream, readBody,
  readDocument, readJson, readText, renderMessage, respondWithError, streamTransform, streamTransformWeb, version,
} from 'sluice';
import type { AssembledMessage, ClientFormat, ServerSentEvent, SluiceErrorCode, StreamFormat } from 'sluice';

export const server = createServer(async (req, res) => {
  try {
    const { model } = await readJson<{ model: string }>(req, { maxBytes: 1 << 20, signal: AbortSignal.timeout(1000) });
    const upstream: Readable = Readable.from([Buffer.from(model)]);
    const message: AssembledMessage = await pipeStream(upstream, res, { from: 'claude', to: 'openai-chat', heartbeatMs: 15_000 });
    const tokens: number | undefined = message.usage?.outputTokens;
    console.log(tokens, message.parts.map((part) => (part.type === 'tool_call' ? part.call.name : part.type)));
  } catch (error) {
    await respondWithError(req, res, error, { body: '{}' });
  }
});

export async function documents(bytes: Uint8Array): Promise<Buffer> {
  const document: JsonDocument = await JsonDocument.parse(bytes, { maxDepth: 50, proto: 'remove' });
  const model = document.get<string>('/model');
  const upper: string | undefined = model?.toUpperCase();
  using closing = document;
  return convertRequest(closing.with({ '/model': upper }), { from: 'openai-chat', to: 'gemini', lossy: true });
}

export function streams(chunk: Buffer): ServerSentEvent[] {
  const assembler = new StreamAssembler({ from: 'auto', newId: (kind) => `${kind}-1`, events: 'both' });
  const out: Uint8Array = assembler.push(chunk);
  const [first] = assembler.takeEvents<{ type: string }>('client');
  const type: string | undefined = first?.type;
  console.log(out.byteLength, type, assembler.message().complete, streamTransform().message().text);
  const stream: ReadableStream<Uint8Array> = new Blob(['']).stream().pipeThrough(streamTransformWeb({ to: 'claude' }));
  console.log(stream.locked, version.length);
  return new EventStreamDecoder({ framing: 'ndjson' }).push(chunk);
}

export function whole(body: Uint8Array, from: StreamFormat, to: ClientFormat): Buffer[] {
  const message = parseResponse(body, { from });
  return [renderMessage(message, { to, stream: true }), convertResponse(body, { from, to })];
}

export const bodies = (request: Request): [Promise<Buffer>, Promise<string>, Promise<JsonDocument>] =>
  [readBody(request), readText(request), readDocument(request)];

export const code: SluiceErrorCode = 'ERR_BODY_JSON';
// @ts-expect-error a code that does not exist
export const unknownCode: SluiceErrorCode = 'ERR_NOTHING';
// @ts-expect-error a format that no client speaks
new StreamAssembler({ to: 'kiro' });
// @ts-expect-error an option that does not exist
void readJson(Readable.from([]), { maxByte: 1 });
