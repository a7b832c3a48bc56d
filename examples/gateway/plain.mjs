// Reads whole streams and bodies of the client dialects in plain JavaScript, sharing nothing with the addon: what the
// check and the tests compare against. Slow and trusting: for complete, correct input only.

/** The events of an event stream as `{ event, data }`. */
export function events(text) {
  return text
    .split(/\r\n\r\n|\n\n/)
    .map((block) => {
      const lines = block.split(/\r\n|\n/);
      const of = (name) =>
        lines
          .filter((line) => line.startsWith(`${name}:`))
          .map((line) => line.slice(name.length + 1).replace(/^ /, ''))
          .join('\n');
      return { event: of('event'), data: of('data') };
    })
    .filter(({ data }) => data !== '');
}
const objects = (text) =>
  events(text)
    .filter(({ data }) => data !== '[DONE]')
    .map(({ data }) => JSON.parse(data));
const message = () => ({ text: '', reasoning: '', calls: [], finish: null, error: null });

/** A call comes whole, or its name first and then pieces of top-level strings (`partialArgs`). */
function geminiCall(calls, { name, args = {}, partialArgs = [] }) {
  if (name !== undefined) calls.push({ name, arguments: JSON.stringify(args) });
  const call = calls.at(-1);
  for (const { jsonPath, stringValue } of partialArgs) {
    const known = JSON.parse(call.arguments);
    const key = jsonPath.slice('$.'.length);
    call.arguments = JSON.stringify({ ...known, [key]: (known[key] ?? '') + stringValue });
  }
}

const streams = {
  'openai-chat'(text) {
    const out = message();
    for (const { choices = [], error } of objects(text)) {
      if (error) out.error = error.message;
      for (const { index = 0, delta = {}, finish_reason: finish } of choices) {
        if (index !== 0) continue;
        out.text += delta.content ?? '';
        out.reasoning += delta.reasoning_content ?? delta.reasoning ?? '';
        for (const piece of delta.tool_calls ?? []) {
          const call = (out.calls[piece.index ?? out.calls.length] ??= { name: '', arguments: '' });
          call.name ||= piece.function?.name ?? '';
          call.arguments += piece.function?.arguments ?? '';
        }
        out.finish = finish ?? out.finish;
      }
    }
    return out;
  },
  'openai-responses'(text) {
    const out = message();
    for (const event of objects(text)) {
      if (event.type === 'response.output_text.delta') out.text += event.delta;
      if (event.type === 'response.reasoning_summary_text.delta' || event.type === 'response.reasoning_text.delta')
        out.reasoning += event.delta;
      if (event.type === 'response.output_item.done' && event.item.type === 'function_call')
        out.calls.push({ name: event.item.name, arguments: event.item.arguments });
      if (event.type === 'response.completed' || event.type === 'response.incomplete')
        out.finish = event.response.incomplete_details?.reason ?? 'completed';
      if (event.type === 'error') out.error = event.message ?? event.error?.message;
      if (event.type === 'response.failed') out.error = event.response.error?.message ?? 'failed';
    }
    return out;
  },
  claude(text) {
    const out = message();
    let call = null;
    for (const event of objects(text)) {
      if (event.type === 'content_block_start') {
        out.text += event.content_block.text ?? '';
        call = event.content_block.type === 'tool_use' ? { name: event.content_block.name, arguments: '' } : null;
        if (call) out.calls.push(call);
      } else if (event.type === 'content_block_delta') {
        out.text += event.delta.text ?? '';
        out.reasoning += event.delta.thinking ?? '';
        if (call) call.arguments += event.delta.partial_json ?? '';
      } else if (event.type === 'message_delta') out.finish = event.delta.stop_reason ?? out.finish;
      else if (event.type === 'error') out.error = event.error.message;
    }
    return out;
  },
  gemini(text) {
    const out = message();
    for (const event of objects(text)) {
      if (event.error) out.error = event.error.message;
      const [candidate] = (event.response ?? event).candidates ?? [];
      for (const part of candidate?.content?.parts ?? []) {
        if (part.text !== undefined) out[part.thought ? 'reasoning' : 'text'] += part.text;
        if (part.functionCall) geminiCall(out.calls, part.functionCall);
      }
      out.finish = candidate?.finishReason ?? out.finish;
    }
    return out;
  },
};

const bodies = {
  'openai-chat'({ choices: [{ message: said, finish_reason: finish }] }) {
    const calls = (said.tool_calls ?? []).map((call) => ({
      name: call.function.name,
      arguments: call.function.arguments,
    }));
    return {
      text: said.content ?? '',
      reasoning: said.reasoning_content ?? said.reasoning ?? '',
      calls,
      finish,
      error: null,
    };
  },
  'openai-responses'({ output, incomplete_details: incomplete }) {
    const of = (type) => output.filter((item) => item.type === type);
    return {
      text: of('message')
        .flatMap((item) => item.content)
        .map((part) => part.text ?? '')
        .join(''),
      reasoning: of('reasoning')
        .flatMap((item) => [...(item.summary ?? []), ...(item.content ?? [])])
        .map((part) => part.text)
        .join(''),
      calls: of('function_call').map((item) => ({ name: item.name, arguments: item.arguments })),
      finish: incomplete?.reason ?? 'completed',
      error: null,
    };
  },
  claude({ content, stop_reason: finish }) {
    const of = (type) => content.filter((block) => block.type === type);
    return {
      text: of('text')
        .map((block) => block.text)
        .join(''),
      reasoning: of('thinking')
        .map((block) => block.thinking)
        .join(''),
      calls: of('tool_use').map((block) => ({ name: block.name, arguments: JSON.stringify(block.input) })),
      finish,
      error: null,
    };
  },
  gemini: (body) => streams.gemini(`data: ${JSON.stringify(body)}\n\n`),
};

/** What a whole stream says: `{ text, reasoning, calls: [{ name, arguments }], finish, error }`. */
export const readStream = (dialect, text) => streams[dialect](text);
/** The same of a whole answer. */
export const readBody = (dialect, text) => bodies[dialect](JSON.parse(text));

const prompts = {
  'openai-chat': (model, prompt, stream, limit) => [
    '/v1/chat/completions',
    { model, stream, messages: [{ role: 'user', content: prompt }], ...(limit && { max_completion_tokens: limit }) },
  ],
  'openai-responses': (model, prompt, stream, limit) => [
    '/v1/responses',
    { model, stream, input: prompt, ...(limit && { max_output_tokens: limit }) },
  ],
  claude: (model, prompt, stream, limit = 4096) => [
    '/v1/messages',
    { model, stream, max_tokens: limit, messages: [{ role: 'user', content: prompt }] },
  ],
  gemini: (model, prompt, stream, limit) => [
    `/v1beta/models/${encodeURIComponent(model)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    { contents: [{ role: 'user', parts: [{ text: prompt }] }], ...(limit && { generationConfig: { maxOutputTokens: limit } }) },
  ],
};
/** The dialects of clients. */
export const dialects = Object.keys(prompts);
/** A request of a dialect, as `[path, body]`; `limit`: of tokens, where it must be said. */
export const requestOf = (dialect, { model = 'offline', prompt, stream, limit }) => prompts[dialect](model, prompt, stream, limit);
