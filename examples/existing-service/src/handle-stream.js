'use strict';
// A provider's answer to a client as it comes: each event is read, told to `onChunk` and written on.

const textOf = (event) => event.delta?.text ?? event.choices?.[0]?.delta?.content;
/** What the client's dialect makes of one event of the provider's; text is all that this service converts. */
function convert(event, to) {
  const text = textOf(event);
  if (!text) return '';
  const said = to === 'claude'
    ? { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }
    : { object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: text }, finish_reason: null }] };
  return `${to === 'claude' ? 'event: content_block_delta\n' : ''}data: ${JSON.stringify(said)}\n\n`;
}

function parse(line) {
  if (!line.startsWith('data: ') || line === 'data: [DONE]') return null;
  try {
    return JSON.parse(line.slice(6));
  } catch {
    return null;
  }
}

async function handleStream(upstream, res, { from, to, onChunk } = {}) {
  res.writeHead?.(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const message = { text: '', error: null };
  try {
    for await (const chunk of upstream) {
      const text = chunk.toString();
      for (const line of text.split('\n')) {
        const event = parse(line);
        if (event === null) continue;
        onChunk?.(event);
        message.text += textOf(event) ?? '';
        if (to && to !== from) res.write(convert(event, to));
      }
      if (!to || to === from) res.write(text);
    }
  } catch (error) {
    message.error = error;
  }
  if (to === 'openai-chat' && to !== from) res.write('data: [DONE]\n\n');
  res.end();
  return message;
}

module.exports = { handleStream };
