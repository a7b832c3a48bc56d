// What the gateway is measured beside: (a) the loop that services have, (b) a plain pipe. Both take OpenAI chat
// requests; the upstream speaks that too, or Claude.
import http from 'node:http';
import { StringDecoder } from 'node:string_decoder';

const paths = { 'openai-chat': '/v1/chat/completions', claude: '/v1/messages' };
const agent = new http.Agent({ keepAlive: true });

function bodyOf(req) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => resolve(Buffer.concat(chunks).toString()));
    req.on('error', reject);
  });
}
function ask(upstream, format, body) {
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'anthropic-version': '2023-06-01',
  };
  return new Promise((resolve, reject) => {
    http
      .request(upstream + paths[format], { method: 'POST', agent, headers }, resolve)
      .on('error', reject)
      .end(body);
  });
}

function toClaude({ model, messages, stream, max_tokens: maxTokens }) {
  const system = messages
    .filter((message) => message.role === 'system')
    .map((message) => message.content)
    .join('\n');
  return {
    model,
    stream,
    max_tokens: maxTokens ?? 65536,
    ...(system && { system }),
    messages: messages.filter((message) => message.role !== 'system'),
  };
}
const reasons = { end_turn: 'stop', max_tokens: 'length', tool_use: 'tool_calls' };
function wholeFromClaude({ id, model, content, stop_reason: reason, usage }) {
  const message = { role: 'assistant', content: content.map((block) => block.text ?? '').join('') };
  return {
    id,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model,
    choices: [{ index: 0, message, finish_reason: reasons[reason] }],
    usage: { prompt_tokens: usage.input_tokens, completion_tokens: usage.output_tokens },
  };
}

/** One event of Claude as chunks of OpenAI chat, and what a service keeps of it. */
function convert(state, event) {
  const chunk = (delta, finish = null) => ({
    id: state.id,
    object: 'chat.completion.chunk',
    created: state.created,
    model: state.model,
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  switch (event.type) {
    case 'message_start':
      Object.assign(state, {
        id: event.message.id,
        model: event.message.model,
        created: Math.floor(Date.now() / 1000),
        input: event.message.usage.input_tokens,
      });
      return [chunk({ role: 'assistant', content: '' })];
    case 'content_block_delta':
      if (event.delta.type !== 'text_delta') return [];
      state.text += event.delta.text;
      return [chunk({ content: event.delta.text })];
    case 'message_delta':
      state.output = event.usage.output_tokens;
      return [chunk({}, reasons[event.delta.stop_reason])];
    default:
      return [];
  }
}
function keep(state, event) {
  state.text += event.choices[0]?.delta?.content ?? '';
  state.output = event.usage?.completion_tokens ?? state.output;
}

/** The services' own loop: decode, split, parse, extract, convert, print, write, once per event. */
function loop(response, res, format) {
  const decoder = new StringDecoder('utf8');
  const state = { text: '', output: 0 };
  let rest = '';
  response.on('data', (bytes) => {
    rest += decoder.write(bytes);
    const lines = rest.split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith('data: ')) continue;
      const data = line.slice(6).trim();
      if (data === '[DONE]') {
        res.write('data: [DONE]\n\n');
        continue;
      }
      const event = JSON.parse(data);
      if (format === 'claude')
        for (const chunk of convert(state, event)) res.write(`data: ${JSON.stringify(chunk)}\n\n`);
      else {
        keep(state, event);
        res.write(`data: ${JSON.stringify(event)}\n\n`);
      }
    }
  });
  response.on('end', () => res.end(format === 'claude' ? 'data: [DONE]\n\n' : undefined));
}

/** Starts a peer: `kind` is 'loop' or 'pipe'. Resolves with its address. */
export function startPeer(kind, { url, format }) {
  const server = http.createServer(async (req, res) => {
    try {
      const text = await bodyOf(req);
      const body = JSON.parse(text);
      const response = await ask(url, format, format === 'claude' ? JSON.stringify(toClaude(body)) : text);
      const streamed = body.stream === true;
      res.writeHead(response.statusCode, { 'content-type': streamed ? 'text/event-stream' : 'application/json' });
      res.on('close', () => response.destroy());
      if (kind === 'pipe') response.pipe(res);
      else if (streamed) loop(response, res, format);
      else {
        const whole = JSON.parse(await bodyOf(response));
        res.end(JSON.stringify(format === 'claude' ? wholeFromClaude(whole) : whole));
      }
    } catch {
      res.destroy();
    }
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}
