'use strict';
// A provider's answer to a client as it comes: each event is read, told to `onChunk` and written on.

/** What the client's dialect makes of one event of the provider's; text is all that this service converts. */
function convert(event, to) {
  const text = event.delta?.text ?? event.choices?.[0]?.delta?.content;
  if (text === undefined) return '';
  const said = to === 'claude'
    ? { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }
    : { object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: text }, finish_reason: null }] };
  return `${to === 'claude' ? 'event: content_block_delta\n' : ''}data: ${JSON.stringify(said)}\n\n`;
}

async function handleStream(upstream, res, { from, to, onChunk } = {}) {
  res.writeHead?.(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  let rest = '';
  for await (const chunk of upstream) {
    const text = chunk.toString();
    rest += text;
    const lines = rest.split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
      const event = JSON.parse(line.slice(6));
      onChunk?.(event);
      if (to && to !== from) res.write(convert(event, to));
    }
    if (!to || to === from) res.write(text);
  }
  if (to === 'openai-chat' && to !== from) res.write('data: [DONE]\n\n');
  res.end();
}

module.exports = { handleStream };
