'use strict';
const { Message, usageOf } = require('./message');

/** What the end of a response says. */
function readEnd(type, response, message) {
  const choice = message.choice();
  message.start(response.id, response.model);
  if (response.usage) {
    const { input_tokens_details: input, output_tokens_details: output, ...usage } = response.usage;
    message.count({
      ...usage,
      cached: input?.cached_tokens,
      creation: input?.cache_write_tokens,
      reasoning: output?.reasoning_tokens,
    });
  }
  if (type === 'response.failed') {
    choice.finish('failed');
    message.fail(response.error ?? {}, response.error?.message ?? '');
  } else if (type === 'response.incomplete') {
    choice.finish(response.incomplete_details?.reason ?? 'incomplete');
    message.done = true;
  } else {
    choice.finish('completed');
    choice.finishReason = choice.toolCalls.length > 0 ? 'tool_calls' : 'stop';
    message.done = true;
  }
}

/** OpenAI responses. */
module.exports = function readOpenaiResponses(events) {
  const message = new Message();
  const calls = new Map();
  const callOf = (event) => calls.get(event.item_id) ?? calls.get(event.output_index);
  const begin = (event) => {
    const call = message.choice().call(event.item.call_id ?? event.item.id, event.item.name);
    calls.set(event.item.id, call);
    calls.set(event.output_index, call);
    return call;
  };
  for (const { data } of events.filter(({ data: text }) => text !== '[DONE]')) {
    const event = JSON.parse(data);
    const choice = message.choice();
    switch (event.type) {
      case 'response.created':
      case 'response.in_progress':
        message.start(event.response?.id, event.response?.model);
        if (event.type === 'response.created') {
          calls.clear();
        }
        break;
      case 'response.output_text.delta':
        choice.say('text', event.delta);
        break;
      case 'response.refusal.delta':
        choice.say('refusal', event.delta);
        break;
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        choice.say('reasoning', event.delta);
        break;
      case 'response.content_part.done':
      case 'response.reasoning_summary_part.done':
        choice.endPart();
        break;
      case 'response.output_item.added':
        if (event.item.type === 'function_call') {
          begin(event).arguments = event.item.arguments ?? '';
        }
        break;
      case 'response.function_call_arguments.delta':
        callOf(event).arguments += event.delta;
        break;
      case 'response.function_call_arguments.done':
        callOf(event).arguments = event.arguments;
        break;
      case 'response.output_item.done':
        if (event.item.type === 'function_call') {
          const call = calls.get(event.item.id) ?? calls.get(event.output_index) ?? begin(event);
          call.arguments = event.item.arguments ?? call.arguments;
        }
        break;
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
        readEnd(event.type, event.response ?? {}, message);
        break;
      case 'error':
        message.fail(event.error ?? event, (event.error ?? event).message ?? '');
        break;
      default:
    }
  }
  return message.result((counts) =>
    usageOf({
      input: counts.input_tokens,
      output: counts.output_tokens,
      total: counts.total_tokens,
      cached: counts.cached,
      creation: counts.creation,
      reasoning: counts.reasoning,
    }),
  );
};
