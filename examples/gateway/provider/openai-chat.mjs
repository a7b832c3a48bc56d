// OpenAI chat completions, as the service reads and writes them.
import { fragments } from './answer.mjs';
import {
  any,
  array,
  boolean,
  conversation,
  each,
  fields,
  filled,
  integer,
  Invalid,
  jsonObject,
  number,
  object,
  oneOf,
  schema,
  string,
  turn,
} from './shape.mjs';

export const streamType = 'text/event-stream';

function content(value, at, message) {
  if (typeof value === 'string') {
    message.text += value;
    return;
  }
  array(value, at).forEach((part, index) => {
    const here = `${at}.${index}`;
    switch (object(part, here).type) {
      case 'text':
        message.text += string(part.text, `${here}.text`);
        break;
      case 'refusal':
        message.text += string(part.refusal, `${here}.refusal`);
        break;
      case 'image_url':
        filled(object(part.image_url, `${here}.image_url`).url, `${here}.image_url.url`);
        message.images += 1;
        break;
      case 'file':
        object(part.file, `${here}.file`);
        message.images += 1;
        break;
      case 'input_audio':
        object(part.input_audio, `${here}.input_audio`);
        message.images += 1;
        break;
      default:
        throw new Invalid(`${here}.type`, `unknown part ${JSON.stringify(part.type)}`);
    }
  });
}
function read1(message, at) {
  object(message, at);
  const role = oneOf(message.role, `${at}.role`, ['system', 'developer', 'user', 'assistant', 'tool']);
  const result = turn(role === 'developer' ? 'system' : role);
  if (message.content !== undefined && message.content !== null) content(message.content, `${at}.content`, result);
  else if (role !== 'assistant' || !message.tool_calls)
    throw new Invalid(`${at}.content`, 'expected a string or an array');
  if (role === 'tool') {
    result.role = 'user';
    result.results.push({ id: filled(message.tool_call_id, `${at}.tool_call_id`), text: result.text });
    result.text = '';
  }
  (message.tool_calls ?? []).forEach((call, index) => {
    const here = `${at}.tool_calls.${index}`;
    oneOf(call.type, `${here}.type`, ['function']);
    jsonObject(call.function?.arguments, `${here}.function.arguments`);
    result.calls.push({ id: filled(call.id, `${here}.id`), name: filled(call.function.name, `${here}.function.name`) });
  });
  return result;
}
function tool(value, at) {
  oneOf(object(value, at).type, `${at}.type`, ['function']);
  const known = fields(value.function, `${at}.function`, {
    name: filled,
    description: string,
    parameters: schema,
    strict: boolean,
  });
  return { name: known.name, schema: known.parameters };
}
function choice(value, at) {
  if (typeof value === 'string') return oneOf(value, at, ['auto', 'none', 'required']);
  return { name: filled(object(object(value, at).function, `${at}.function`).name, `${at}.function.name`) };
}

export function read(body) {
  fields(body, '', {
    model: filled,
    messages: array,
    stream: boolean,
    stream_options: (value, at) => fields(value, at, { include_usage: boolean }),
    temperature: (value, at) => number(value, at, 0, 2),
    top_p: (value, at) => number(value, at, 0, 1),
    top_k: integer,
    max_tokens: (value, at) => integer(value, at, 1),
    max_completion_tokens: (value, at) => integer(value, at, 1),
    n: (value, at) => integer(value, at, 1, 1),
    stop: any,
    seed: any,
    user: string,
    metadata: object,
    tools: array,
    tool_choice: any,
    parallel_tool_calls: boolean,
    response_format: (value, at) => oneOf(object(value, at).type, `${at}.type`, ['text', 'json_object', 'json_schema']),
    reasoning_effort: (value, at) => oneOf(value, at, ['none', 'minimal', 'low', 'medium', 'high', 'xhigh']),
    presence_penalty: number,
    frequency_penalty: number,
    logit_bias: object,
    logprobs: boolean,
    top_logprobs: integer,
    store: boolean,
    service_tier: string,
    prediction: any,
    modalities: array,
    verbosity: string,
    prompt_cache_key: string,
    safety_identifier: string,
  });
  filled(body.model, 'model');
  if (body.stream_options && body.stream !== true)
    throw new Invalid('stream_options', 'is only allowed when stream is true');
  const messages = each(read1)(body.messages, 'messages');
  return {
    model: body.model,
    stream: body.stream === true,
    system: messages
      .filter((message) => message.role === 'system')
      .map((message) => message.text)
      .join('\n'),
    turns: merged(conversation(messages.filter((message) => message.role !== 'system'))),
    tools: body.tools ? each(tool)(body.tools, 'tools') : [],
    choice: body.tool_choice ? choice(body.tool_choice, 'tool_choice') : 'auto',
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? undefined,
    reasoning: Boolean(body.reasoning_effort) && body.reasoning_effort !== 'none',
    usage: body.stream_options?.include_usage === true,
  };
}
/** Results that stand in messages of their own, as one turn. */
export function merged(turns) {
  const out = [];
  for (const one of turns) {
    const last = out.at(-1);
    if (last?.results.length > 0 && one.results.length > 0) last.results.push(...one.results);
    else out.push(one);
  }
  return out;
}

const usageOf = ({ usage }) => ({
  prompt_tokens: usage.input,
  completion_tokens: usage.output,
  total_tokens: usage.input + usage.output,
  prompt_tokens_details: { cached_tokens: usage.cached },
  completion_tokens_details: { reasoning_tokens: usage.reasoning },
});
const base = (request, answer, kind) => ({
  id: `chatcmpl-${answer.id}`,
  object: kind,
  created: 1770000000,
  model: request.model,
});

export function whole(request, answer) {
  const message = { role: 'assistant', content: answer.text.join(''), refusal: null };
  if (answer.reasoning.length > 0) message.reasoning_content = answer.reasoning.join('');
  if (answer.calls.length > 0) {
    message.tool_calls = answer.calls.map((call) => ({
      id: `call_${call.id}`,
      type: 'function',
      function: { name: call.name, arguments: JSON.stringify(call.arguments) },
    }));
  }
  return {
    ...base(request, answer, 'chat.completion'),
    choices: [{ index: 0, message, logprobs: null, finish_reason: answer.finish }],
    usage: usageOf(answer),
  };
}

export function* frames(request, answer) {
  const head = base(request, answer, 'chat.completion.chunk');
  const chunk = (delta, finish = null) =>
    `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] })}\n\n`;
  yield chunk({ role: 'assistant', content: '' });
  for (const token of answer.reasoning) yield chunk({ reasoning_content: token });
  for (const token of answer.text) yield chunk({ content: token });
  for (const [index, call] of answer.calls.entries()) {
    yield chunk({
      tool_calls: [{ index, id: `call_${call.id}`, type: 'function', function: { name: call.name, arguments: '' } }],
    });
    for (const piece of fragments(call)) yield chunk({ tool_calls: [{ index, function: { arguments: piece } }] });
  }
  yield chunk({}, answer.finish);
  if (request.usage) yield `data: ${JSON.stringify({ ...head, choices: [], usage: usageOf(answer) })}\n\n`;
  yield 'data: [DONE]\n\n';
}

const types = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  404: 'invalid_request_error',
  429: 'rate_limit_error',
};
export const errorBody = (status, message, param = null) => ({
  error: { message, type: types[status] ?? 'server_error', param, code: null },
});
export const errorFrame = (message) =>
  `data: ${JSON.stringify({ error: { message, type: 'server_error', param: null, code: 'overloaded' } })}\n\n`;
