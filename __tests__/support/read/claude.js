'use strict';
const { Message, usageOf } = require('./message');

/** A block begins: some carry content already. */
function startBlock(block, choice) {
  if (block.type === 'text') {
    choice.endPart();
    choice.say('text', block.text);
  } else if (block.type === 'thinking') {
    choice.endPart();
    choice.say('reasoning', block.thinking);
    if (block.signature) {
      choice.sign(block.signature);
    }
  }
  return block.type === 'tool_use' ? { call: choice.call(block.id, block.name), input: block.input } : {};
}

function readDelta(delta, block, choice) {
  if (delta.type === 'text_delta') {
    choice.say('text', delta.text);
  } else if (delta.type === 'thinking_delta') {
    choice.say('reasoning', delta.thinking);
  } else if (delta.type === 'signature_delta') {
    choice.sign(delta.signature);
  } else if (delta.type === 'input_json_delta' && block.call) {
    block.call.arguments += delta.partial_json;
  }
}

/** A call without fragments has what its start said. */
function stopBlock(block, choice) {
  if (block.call && block.call.arguments === '') {
    block.call.arguments = JSON.stringify(block.input ?? {});
  }
  if (!block.call) {
    choice.endPart();
  }
}

/** Anthropic messages, one parsed event each. */
function readClaudeEvents(parsed, message) {
  let blocks = new Map();
  for (const event of parsed) {
    const choice = message.choice();
    if (event.type === 'message_start') {
      blocks = new Map();
      message.start(event.message?.id, event.message?.model);
      count(message, event.message?.usage);
    } else if (event.type === 'content_block_start') {
      blocks.set(event.index, startBlock(event.content_block, choice));
    } else if (event.type === 'content_block_delta') {
      readDelta(event.delta, blocks.get(event.index) ?? {}, choice);
    } else if (event.type === 'content_block_stop') {
      stopBlock(blocks.get(event.index) ?? {}, choice);
    } else if (event.type === 'message_delta') {
      if (event.delta?.stop_reason) {
        choice.finish(event.delta.stop_reason);
      }
      if (event.usage) {
        count(message, event.usage);
      }
    } else if (event.type === 'message_stop') {
      message.done = true;
    } else if (event.type === 'error') {
      message.fail(event.error, event.error?.message ?? '');
    }
  }
}

const count = (message, { output_tokens_details: details, ...counts } = {}) =>
  message.count({ ...counts, thinking_tokens: details?.thinking_tokens });

const claudeUsage = (counts) => {
  const cached = counts.cache_read_input_tokens ?? 0;
  const creation = counts.cache_creation_input_tokens ?? 0;
  const input = (counts.input_tokens ?? 0) + cached + creation;
  return usageOf({ input, output: counts.output_tokens, cached, creation, reasoning: counts.thinking_tokens });
};

/** Anthropic messages over SSE. */
function readClaude(events) {
  const message = new Message();
  readClaudeEvents(
    events.filter(({ data }) => data !== '[DONE]').map(({ data }) => JSON.parse(data)),
    message,
  );
  return message.result(claudeUsage);
}

/** The same over AWS frames: `bytes` of each chunk is an event in base64. */
function readClaudeFrames({ events }) {
  const message = new Message();
  const parsed = events
    .filter(({ headers }) => headers[':message-type'] === 'event')
    .map(({ data }) => JSON.parse(Buffer.from(JSON.parse(data).bytes, 'base64').toString('utf8')));
  readClaudeEvents(parsed, message);
  const exception = events.find(({ headers }) => headers[':exception-type']);
  if (exception) {
    message.fail(JSON.parse(exception.data), JSON.parse(exception.data).message ?? '');
  }
  return message.result(claudeUsage);
}

module.exports = { readClaude, readClaudeFrames };
