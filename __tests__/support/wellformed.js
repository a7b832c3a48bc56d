'use strict';
const { decodeEventStream } = require('./framing');

/** What is wrong with a stream that a client is given: the rules of its dialect that clients rely on. */
class Findings {
  constructor() {
    this.list = [];
  }

  expect(holds, text) {
    if (!holds) {
      this.list.push(text);
    }
  }
}

function sseEvents(bytes, findings, { named }) {
  const { events, tail } = decodeEventStream(bytes);
  findings.expect(tail.data.length === 0, 'the last event has no blank line');
  return events.map(({ name, data }) => {
    findings.expect(data.length === 1, 'an event over several lines');
    const value = data[0] === '[DONE]' ? data[0] : JSON.parse(data[0]);
    findings.expect(
      named ? name === value.type : name === '' || value.error !== undefined,
      `event name ${name} for ${value.type}`,
    );
    return value;
  });
}

function openaiChat(bytes, complete, findings) {
  const events = sseEvents(bytes, findings, { named: false });
  const chunks = events.filter((event) => event !== '[DONE]' && !event.error);
  findings.expect(events.indexOf('[DONE]') === (complete ? events.length - 1 : -1), '[DONE] not last');
  const ids = new Set(chunks.map(({ id }) => id));
  findings.expect(chunks.length === 0 || (ids.size === 1 && !ids.has('') && !ids.has(undefined)), 'ids differ');
  const calls = new Set();
  for (const chunk of chunks) {
    findings.expect(chunk.object === 'chat.completion.chunk', `object ${chunk.object}`);
    findings.expect(Number.isInteger(chunk.created) && chunk.created < 1e11, `created ${chunk.created}`);
    findings.expect(typeof chunk.model === 'string' && Array.isArray(chunk.choices), 'model or choices');
    for (const { index, delta, finish_reason: finish } of chunk.choices) {
      findings.expect(typeof delta === 'object' && finish !== undefined, 'delta or finish_reason');
      for (const call of delta.tool_calls ?? []) {
        const key = `${index}/${call.index}`;
        const known = calls.has(key);
        findings.expect(Number.isInteger(call.index), 'index of a call');
        findings.expect(
          known || (call.id && call.type === 'function' && call.function.name),
          'a call that begins without id, type or name',
        );
        calls.add(key);
      }
    }
  }
}

function openaiResponses(bytes, complete, findings) {
  const events = sseEvents(bytes, findings, { named: true });
  const items = new Map();
  const said = new Map();
  const done = [];
  events.forEach((event, position) => {
    findings.expect(event.sequence_number === position, `sequence_number ${event.sequence_number} at ${position}`);
    const where = `${event.item_id}/${event.content_index ?? event.summary_index ?? ''}`;
    if (event.type === 'response.output_item.added') {
      findings.expect(event.output_index === items.size, 'output_index of an item');
      items.set(event.item.id, { ...event.item, open: true, index: event.output_index });
    } else if (event.type === 'response.output_item.done') {
      const item = items.get(event.item.id);
      findings.expect(
        item?.open && item.index === event.output_index && item.type === event.item.type,
        'an item that ends without a start',
      );
      item.open = false;
      done[event.output_index] = event.item;
    } else if (event.item_id !== undefined) {
      findings.expect(items.get(event.item_id)?.open, `${event.type} outside its item`);
      findings.expect(items.get(event.item_id)?.index === event.output_index, `${event.type} has another output_index`);
      if (event.type.endsWith('.delta')) {
        said.set(where, (said.get(where) ?? '') + event.delta);
      } else if (/(text|arguments|refusal)\.done$/.test(event.type)) {
        const whole = event.text ?? event.arguments ?? event.refusal;
        // a call without arguments has none to stream, and still an object at the end
        const empty = event.arguments === undefined ? '' : '{}';
        findings.expect(whole === (said.get(where) ?? empty), `${event.type} is not what its deltas said`);
      }
    }
  });
  const types = events.map(({ type }) => type);
  findings.expect(
    types.length === 0 || types[0] === 'response.created' || types[0] === 'error',
    `begins with ${types[0]}`,
  );
  findings.expect(types.filter((type) => type === 'response.created').length <= 1, 'created twice');
  if (complete) {
    findings.expect(['response.completed', 'response.incomplete'].includes(types.at(-1)), `ends with ${types.at(-1)}`);
    findings.expect(
      [...items.values()].every(({ open }) => !open),
      'an item that is never done',
    );
    findings.expect(
      JSON.stringify(events.at(-1).response.output) === JSON.stringify(done),
      'response.output is not its items',
    );
  }
}

const BLOCK_DELTAS = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  signature_delta: 'thinking',
  input_json_delta: 'tool_use',
};

function claude(bytes, complete, findings) {
  const events = sseEvents(bytes, findings, { named: true });
  const open = new Map();
  let blocks = 0;
  for (const event of events) {
    if (event.type === 'message_start') {
      const { usage, content, role, id, model } = event.message;
      findings.expect(
        Number.isInteger(usage.input_tokens) && Number.isInteger(usage.output_tokens),
        'usage of message_start',
      );
      findings.expect(
        content.length === 0 && role === 'assistant' && id && typeof model === 'string',
        'message of message_start',
      );
    } else if (event.type === 'content_block_start') {
      findings.expect(event.index === blocks, `block ${event.index} begins out of turn`);
      // parallel calls whose arguments come mixed stay open beside each other
      findings.expect(
        [...open.values()].every((type) => type === 'tool_use'),
        'a block begins inside another',
      );
      open.set(event.index, event.content_block.type);
      blocks += 1;
    } else if (event.type === 'content_block_delta') {
      findings.expect(
        open.get(event.index) === BLOCK_DELTAS[event.delta.type],
        `${event.delta.type} outside its block`,
      );
    } else if (event.type === 'content_block_stop') {
      findings.expect(open.delete(event.index), 'a block that ends without a start');
    } else if (event.type === 'message_delta') {
      findings.expect(
        open.size === 0 && Number.isInteger(event.usage.output_tokens),
        'message_delta inside a block, or without usage',
      );
    }
  }
  const types = events.map(({ type }) => type);
  findings.expect(
    types.length === 0 || types[0] === 'message_start' || types[0] === 'error',
    `begins with ${types[0]}`,
  );
  findings.expect(types.filter((type) => type === 'message_start').length <= 1, 'message_start twice');
  findings.expect(types.indexOf('message_stop') === (complete ? types.length - 1 : -1), 'message_stop not last');
  if (complete) {
    findings.expect(open.size === 0 && types.at(-2) === 'message_delta', 'message_delta not before message_stop');
  }
}

function gemini(bytes, complete, findings) {
  const events = sseEvents(bytes, findings, { named: false }).filter((event) => !event.error);
  const ends = events.filter((event) => event.candidates?.some(({ finishReason }) => finishReason));
  findings.expect(ends.length === (complete ? 1 : 0), `${ends.length} finish reasons`);
  for (const { candidates = [] } of events) {
    for (const { content } of candidates) {
      findings.expect(!content || (content.role === 'model' && Array.isArray(content.parts)), 'content of a candidate');
    }
  }
}

function ollama(bytes, complete, findings) {
  const text = bytes.toString('utf8');
  findings.expect(text === '' || text.endsWith('\n'), 'the last line has no end');
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
    .filter((line) => !line.error);
  lines.forEach((line, position) => {
    const last = complete && position === lines.length - 1;
    findings.expect(line.done === last, `done ${line.done}`);
    findings.expect(typeof line.model === 'string' && line.message?.role === 'assistant', 'model or role');
    findings.expect(!Number.isNaN(Date.parse(line.created_at)), `created_at ${line.created_at}`);
    findings.expect(!last || typeof line.done_reason === 'string', 'no done_reason');
  });
}

const RULES = { 'openai-chat': openaiChat, 'openai-responses': openaiResponses, claude, gemini, ollama };

/** What is wrong with the bytes of a client; nothing: []. */
function flaws(bytes, format, complete) {
  const findings = new Findings();
  RULES[format](bytes, complete, findings);
  return [...new Set(findings.list)];
}

module.exports = { flaws };
