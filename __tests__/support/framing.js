'use strict';
const { decodeFrames } = require('./aws');

const parse = (text) => {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
};
/** What counts as an event of a provider: JSON or the end mark. */
const tells = (text) => text.trim() === '[DONE]' || parse(text) !== null;

/** An event stream as the HTML standard decodes it; `tail` is an event that the end cut off from its blank line. */
function decodeEventStream(bytes) {
  const text = Buffer.from(bytes)
    .toString('utf8')
    .replace(/^\uFEFF/, '');
  const lines = text.split(/\r\n|\n|\r/);
  const events = [];
  let id = '';
  let pending = { name: '', data: [], retry: undefined };
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      if (pending.data.length > 0) {
        events.push({ ...pending, id });
      }
      pending = { name: '', data: [], retry: undefined };
      continue;
    }
    const [, field, value] = /^([^:]*)(?::\x20?([^]*))?$/.exec(line);
    if (field === 'data') {
      pending.data.push(value ?? '');
    } else if (field === 'event') {
      pending.name = value ?? '';
    } else if (field === 'id' && !(value ?? '').includes('\0')) {
      id = value ?? '';
    } else if (field === 'retry' && /^[0-9]+$/.test(value ?? '')) {
      pending.retry = Number(value);
    }
  }
  const last = /^data:\x20?([^]*)$/.exec(lines.at(-1));
  const tail = { ...pending, id, data: last ? [...pending.data, last[1]] : pending.data };
  return { events, tail };
}

/** The same, lenient as providers need it: [{ name, data }], each data JSON or `[DONE]`. */
function providerEvents(bytes) {
  const { events, tail } = decodeEventStream(bytes);
  const out = [];
  for (const { name, data } of [...events, tail]) {
    const joined = data.join('\n');
    if (data.length > 1 && !tells(joined) && data.every(tells)) {
      out.push(...data.map((line) => ({ name, data: line })));
    } else if (data.length > 0 && tells(joined)) {
      out.push({ name, data: joined });
    }
  }
  return out;
}

/** JSON lines, with or without `data: ` before them. */
function lineEvents(bytes) {
  return Buffer.from(bytes)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/[\r\n]+/)
    .map((line) => ({ name: '', data: line.replace(/^data:/, '').trim() }))
    .filter(({ data }) => data !== '' && tells(data));
}

/** AWS frames as events: the payload is the data, the headers stay beside it. */
function frameEvents(bytes) {
  const { frames, rest } = decodeFrames(bytes);
  const events = frames.map(({ headers, payload }) => ({
    name: headers[':event-type'] ?? '',
    data: payload.toString('utf8'),
    headers,
  }));
  return { events, rest };
}

module.exports = { parse, decodeEventStream, providerEvents, lineEvents, frameEvents };
