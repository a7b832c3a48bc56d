// Streams: the loop that services have (decode, split, JSON.parse, extract, JSON.stringify, write) against one
// native call per network read. `node --expose-gc benchmark/stream.mjs`; peers come with `npm run bench`.
import { createRequire } from 'node:module';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { heading, race, row } from './race.mjs';

const require = createRequire(import.meta.url);
const { StreamAssembler } = require('..');
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

const extract = {
  'openai-chat': (event) => event.choices?.[0]?.delta?.content ?? '',
  claude: (event) => (event.type === 'content_block_delta' ? event.delta.text ?? '' : ''),
  'openai-responses': (event) => (event.type === 'response.output_text.delta' ? event.delta : ''),
  gemini: (event) => (event.candidates?.[0]?.content?.parts ?? []).map((part) => (part.thought ? '' : part.text ?? '')).join(''),
};
const convert = {
  claude: (text) => `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })}\n\n`,
  'openai-chat': (text) => `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1764657993, model: 'm', choices: [{ index: 0, delta: { content: text }, finish_reason: null }] })}\n\n`,
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
      text += said;
      if (to === undefined) sink(Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
      else if (said) sink(Buffer.from(convert[to](said)));
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
      text += extract[from](event);
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
const rows = [];
for (const [from, all] of Object.entries(streams)) {
  const to = from === 'claude' ? 'openai-chat' : 'claude';
  for (const [size, [pass, converted]] of Object.entries(atLeast)) {
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
    const label = size === 'one event' ? size : `${size / 1024} KiB`;
    rows.push(row(`${from}, reads of ${label}: pass through + extract`, best, 'pass', 'loop', pass));
    rows.push(row('… copied out', best, 'pass, copied', 'loop'));
    rows.push(row(`… convert to ${to}`, best, 'convert', 'loop, converted', converted));
    rows.push(row('… copied out', best, 'convert, copied', 'loop, converted'));
    if (size === '16384') rows.push(row('… against eventsource-parser + JSON.parse', best, 'pass', 'eventsource-parser', 3));
  }
}
console.table(rows);

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
