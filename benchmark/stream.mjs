// Streams: the loop that services have (decode, split, JSON.parse, extract, JSON.stringify, write) against one
// native call per network read. `node --expose-gc benchmark/stream.mjs`; peers come with `npm run bench`.
import { createRequire } from 'node:module';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { heading, race, row } from './race.mjs';

const require = createRequire(import.meta.url);
const { convertRequest, StreamAssembler } = require('..');
const { createParser } = await import('eventsource-parser');
heading('stream', { 'eventsource-parser': require('eventsource-parser/package.json').version });

// ---- streams: recorded ones where they are there, else one of ours

const recorded = `${process.env.SLUICE_SHARED || new URL('../../shared', import.meta.url).pathname}/data/streams`;
const files = (folder) => readdirSync(`${recorded}/${folder}`).filter((name) => name.endsWith('.sse'))
  .map((name) => readFileSync(`${recorded}/${folder}/${name}`));
const streams = existsSync(recorded)
  ? Object.fromEntries(['openai-chat', 'claude', 'openai-responses', 'gemini'].map((folder) => [folder, files(folder)]))
  : { 'openai-chat': [ownStream(400)] };

function ownStream(events) {
  const event = (delta, finish = null) =>
    `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1764657993, model: 'model-1', system_fingerprint: 'fp_1', choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], usage: null })}\n\n`;
  const words = ['Hello', ' there', ', this', ' is', ' 漢字', ' a "quoted"', ' stream\n', ' of', ' tokens'];
  let text = event({ role: 'assistant', content: '' });
  for (let at = 0; at < events; at++) text += event({ content: words[at % words.length] });
  return Buffer.from(`${text}${event({}, 'stop')}data: [DONE]\n\n`);
}

function reads(bytes, size) {
  const pieces = [];
  if (size === 'one event') {
    for (let at = 0, end; at < bytes.length; at = end) {
      end = bytes.indexOf('\n\n', at);
      end = end === -1 ? bytes.length : end + 2;
      pieces.push(Buffer.from(bytes.subarray(at, end)));
    }
  } else {
    for (let at = 0; at < bytes.length; at += size) pieces.push(Buffer.from(bytes.subarray(at, at + size)));
  }
  return pieces;
}

// ---- the services' loop

let sunk = 0;
const sink = (bytes) => { sunk += bytes.length; };

// what a service's strategy takes out of an event, as [kind, text] pairs
const extract = {
  'openai-chat': (event) => {
    const { delta, finish_reason: finish } = event.choices?.[0] ?? {};
    const said = [];
    if (delta?.reasoning_content) said.push(['reasoning', delta.reasoning_content]);
    if (delta?.content) said.push(['text', delta.content]);
    for (const call of delta?.tool_calls ?? []) said.push(['arguments', call.function?.arguments ?? '', call]);
    if (finish) said.push(['finish', finish]);
    if (event.usage) said.push(['usage', event.usage]);
    return said;
  },
  claude: (event) => {
    if (event.type === 'content_block_delta') {
      const { delta } = event;
      if (delta.type === 'text_delta') return [['text', delta.text]];
      if (delta.type === 'thinking_delta') return [['reasoning', delta.thinking]];
      if (delta.type === 'input_json_delta') return [['arguments', delta.partial_json, event]];
    }
    if (event.type === 'message_delta') return [['finish', event.delta.stop_reason], ['usage', event.usage]];
    return [];
  },
  'openai-responses': (event) => {
    if (event.type === 'response.output_text.delta') return [['text', event.delta]];
    if (event.type === 'response.reasoning_summary_text.delta' || event.type === 'response.reasoning_text.delta') return [['reasoning', event.delta]];
    if (event.type === 'response.function_call_arguments.delta') return [['arguments', event.delta, event]];
    if (event.type === 'response.completed') return [['finish', 'stop'], ['usage', event.response.usage]];
    return [];
  },
  gemini: (event) => {
    const candidate = event.candidates?.[0] ?? {};
    const said = [];
    for (const part of candidate.content?.parts ?? []) {
      if (part.functionCall) said.push(['arguments', JSON.stringify(part.functionCall.args ?? {}), part.functionCall]);
      else if (part.text) said.push([part.thought ? 'reasoning' : 'text', part.text]);
    }
    if (candidate.finishReason) said.push(['finish', candidate.finishReason]);
    if (event.usageMetadata) said.push(['usage', event.usageMetadata]);
    return said;
  },
};
const block = { text: ['text_delta', 'text'], reasoning: ['thinking_delta', 'thinking'], arguments: ['input_json_delta', 'partial_json'] };
const chunk = { text: (text) => ({ content: text }), reasoning: (text) => ({ reasoning_content: text }), arguments: (text) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] }) };
const convert = {
  claude: ([kind, text]) => {
    if (kind === 'finish' || kind === 'usage') return `event: message_delta\ndata: ${JSON.stringify({ type: 'message_delta', delta: { stop_reason: text }, usage: {} })}\n\n`;
    const [type, name] = block[kind];
    return `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type, [name]: text } })}\n\n`;
  },
  'openai-chat': ([kind, text]) => {
    const ends = kind === 'finish' || kind === 'usage';
    return `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1764657993, model: 'm', choices: [{ index: 0, delta: ends ? {} : chunk[kind](text), finish_reason: kind === 'finish' ? text : null }] })}\n\n`;
  },
};
const textOf = (said) => {
  let text = '';
  for (const [kind, piece] of said) if (kind === 'text') text += piece;
  return text;
};

function loop(pieces, from, to) {
  const decoder = new StringDecoder('utf8');
  let buffer = '';
  let text = '';
  for (const piece of pieces) {
    buffer += decoder.write(piece);
    let newline;
    while ((newline = buffer.indexOf('\n')) !== -1) {
      const line = buffer.slice(0, newline).trim();
      buffer = buffer.slice(newline + 1);
      if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
      let event;
      try {
        event = JSON.parse(line.slice(6));
      } catch {
        continue;
      }
      const said = extract[from](event);
      text += textOf(said);
      if (to === undefined) sink(Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
      else for (const one of said) sink(Buffer.from(convert[to](one)));
    }
  }
  return text;
}

function parser(pieces, from) {
  const decoder = new TextDecoder();
  let text = '';
  const events = createParser({
    onEvent({ data }) {
      if (data === '[DONE]') return;
      const event = JSON.parse(data);
      text += textOf(extract[from](event));
      sink(Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
    },
  });
  for (const piece of pieces) events.feed(decoder.decode(piece, { stream: true }));
  return text;
}

function sluice(pieces, options) {
  const assembler = new StreamAssembler(options);
  for (const piece of pieces) {
    const out = assembler.push(piece);
    if (out.length) sink(out);
  }
  const out = assembler.finish();
  if (out.length) sink(out);
  return assembler.text();
}

// ---- races

const atLeast = { 'one event': [2.4, 1.8], 1024: [5, 3.5], 16384: [8, 6] };
const details = [];
const sums = {};
for (const [from, all] of Object.entries(streams)) {
  const to = from === 'claude' ? 'openai-chat' : 'claude';
  for (const size of Object.keys(atLeast)) {
    const streamsOfReads = all.map((bytes) => reads(bytes, size === 'one event' ? size : Number(size)));
    const each = (run) => () => streamsOfReads.map(run);
    const candidates = {
      loop: each((pieces) => loop(pieces, from)),
      'eventsource-parser': each((pieces) => parser(pieces, from)),
      pass: each((pieces) => sluice(pieces, { from, reuse: true })),
      'pass, copied': each((pieces) => sluice(pieces, { from })),
      'loop, converted': each((pieces) => loop(pieces, from, to)),
      convert: each((pieces) => sluice(pieces, { from, to, reuse: true })),
      'convert, copied': each((pieces) => sluice(pieces, { from, to })),
    };
    const texts = new Set(Object.values(candidates).map((run) => JSON.stringify(run())));
    if (texts.size !== 1) console.log(`${from}: not all candidates read the same text`);
    const best = await race(candidates);
    sums[size] ??= {};
    for (const name in best) sums[size][name] = (sums[size][name] ?? 0) + best[name];
    const label = `${from} (${all.length} streams), reads of ${readsOf(size)}`;
    details.push(row(`${label}: pass through + extract`, best, 'pass', 'loop'));
    details.push(row(`… convert to ${to}`, best, 'convert', 'loop, converted'));
  }
}

function readsOf(size) {
  return size === 'one event' ? size : `${size / 1024} KiB`;
}

const rows = [];
for (const [size, [pass, converted]] of Object.entries(atLeast)) {
  rows.push(row(`all, reads of ${readsOf(size)}: pass through + extract`, sums[size], 'pass', 'loop', pass));
  rows.push(row('… copied out', sums[size], 'pass, copied', 'loop'));
  rows.push(row('… convert', sums[size], 'convert', 'loop, converted', converted));
  rows.push(row('… copied out', sums[size], 'convert, copied', 'loop, converted'));
  if (size === '16384') rows.push(row('… against eventsource-parser + JSON.parse', sums[size], 'pass', 'eventsource-parser', 3));
}
console.table(rows);
console.table(details);

// ---- a request, from its bytes to another dialect's: beside reading and writing it without converting anything

{
  const turn = (at) => ({ role: at % 2 ? 'assistant' : 'user', content: `Turn ${at}: ${'what was said, and "quoted". '.repeat(8)}` });
  const messages = [{ role: 'system', content: 'Be brief.' }, ...Array.from({ length: 20 }, (_, at) => turn(at))];
  const body = Buffer.from(JSON.stringify({ model: 'm', max_tokens: 100, temperature: 0.5, stream: true, messages }));
  const hundred = (run) => () => { for (let at = 0; at < 100; at++) sink(run()); };
  const best = await race({
    'parse and stringify': hundred(() => Buffer.from(JSON.stringify(JSON.parse(body.toString())))),
    convertRequest: hundred(() => convertRequest(body, { from: 'openai-chat', to: 'claude' })),
  });
  console.table([row(`100 requests of ${body.length} bytes: convertRequest against JSON.parse + JSON.stringify alone`, best, 'convertRequest', 'parse and stringify')]);
}

// ---- a long stream holds its memory flat

{
  const event = Buffer.from('data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":""}}]}\n\n');
  const assembler = new StreamAssembler({ from: 'openai-chat', to: 'claude', reuse: true });
  const resident = () => { globalThis.gc?.(); return process.memoryUsage().rss / 1048576; };
  for (let at = 0; at < 10_000; at++) assembler.push(event);
  const before = resident();
  for (let at = 0; at < 100_000; at++) assembler.push(event);
  console.log(`100,000 events more: resident memory ${before.toFixed(1)} -> ${resident().toFixed(1)} MiB`);
}
if (sunk === 0) throw new Error('nothing was written');
