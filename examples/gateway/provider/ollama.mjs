// Ollama's chat, as the server reads and writes it: NDJSON, and streamed unless told otherwise.
import { any, array, boolean, each, fields, filled, Invalid, object, oneOf, schema, string, turn } from './shape.mjs';

export const streamType = 'application/x-ndjson';

function message(value, at) {
  fields(value, at, {
    role: any,
    content: string,
    thinking: string,
    images: each(filled),
    tool_calls: array,
    tool_name: string,
    tool_call_id: string,
  });
  const role = oneOf(value.role, `${at}.role`, ['system', 'user', 'assistant', 'tool']);
  const result = {
    ...turn(role === 'tool' ? 'user' : role),
    text: value.content ?? '',
    images: value.images?.length ?? 0,
  };
  if (role === 'tool') {
    result.results.push({ id: value.tool_call_id ?? value.tool_name ?? '', text: result.text });
    result.text = '';
  }
  (value.tool_calls ?? []).forEach((call, index) => {
    const here = `${at}.tool_calls.${index}.function`;
    object(object(call, here).function, here);
    if (typeof call.function.arguments === 'string')
      throw new Invalid(`${here}.arguments`, 'json: cannot unmarshal string into map[string]any');
    object(call.function.arguments, `${here}.arguments`);
    result.calls.push({ id: call.id ?? call.function.name, name: filled(call.function.name, `${here}.name`) });
  });
  return result;
}
function tool(value, at) {
  oneOf(object(value, at).type, `${at}.type`, ['function']);
  const known = fields(value.function, `${at}.function`, { name: filled, description: string, parameters: schema });
  return { name: known.name, schema: known.parameters };
}
function results(turns) {
  const out = [];
  for (const one of turns) {
    const last = out.at(-1);
    if (last?.results.length > 0 && one.results.length > 0) last.results.push(...one.results);
    else out.push(one);
  }
  return out;
}

export function read(body) {
  fields(body, '', {
    model: filled,
    messages: array,
    stream: boolean,
    tools: array,
    think: any,
    format: any,
    keep_alive: any,
    truncate: boolean,
    shift: boolean,
    options: (value, at) =>
      fields(value, at, {
        num_predict: any,
        temperature: any,
        top_p: any,
        top_k: any,
        min_p: any,
        seed: any,
        stop: array,
        num_ctx: any,
        repeat_penalty: any,
        presence_penalty: any,
        frequency_penalty: any,
      }),
  });
  filled(body.model, 'model');
  const messages = each(message)(body.messages, 'messages');
  if (messages.every((one) => one.role === 'system'))
    throw new Invalid('messages', 'a message of the user is required');
  return {
    model: body.model,
    stream: body.stream !== false,
    system: messages
      .filter((one) => one.role === 'system')
      .map((one) => one.text)
      .join('\n'),
    turns: results(messages.filter((one) => one.role !== 'system')),
    tools: body.tools ? each(tool)(body.tools, 'tools') : [],
    maxTokens: body.options?.num_predict ?? undefined,
    reasoning: Boolean(body.think),
  };
}

const callOf = (call) => ({ function: { name: call.name, arguments: call.arguments } });
const line = (request, message1, done = false, more = {}) => ({
  model: request.model,
  created_at: '2026-02-01T00:00:00.000000Z',
  message: { role: 'assistant', content: '', ...message1 },
  done,
  ...more,
});
const end = (answer) => ({
  done_reason: answer.finish === 'length' ? 'length' : 'stop',
  total_duration: 1000000,
  load_duration: 1000,
  prompt_eval_count: answer.usage.input,
  prompt_eval_duration: 1000,
  eval_count: answer.usage.output,
  eval_duration: 1000,
});

export function whole(request, answer) {
  const said = { content: answer.text.join('') };
  if (answer.reasoning.length > 0) said.thinking = answer.reasoning.join('');
  if (answer.calls.length > 0) said.tool_calls = answer.calls.map(callOf);
  return line(request, said, true, end(answer));
}
export function* frames(request, answer) {
  for (const thinking of answer.reasoning) yield `${JSON.stringify(line(request, { thinking }))}\n`;
  for (const content of answer.text) yield `${JSON.stringify(line(request, { content }))}\n`;
  for (const call of answer.calls) yield `${JSON.stringify(line(request, { tool_calls: [callOf(call)] }))}\n`;
  yield `${JSON.stringify(line(request, {}, true, end(answer)))}\n`;
}
export const errorBody = (status, text) => ({ error: text });
export const errorFrame = (text) => `${JSON.stringify({ error: text })}\n`;
