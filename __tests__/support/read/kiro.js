'use strict';
const { Message } = require('./message');

const QUOTES = '`"\'';
const quoted = (text, from, to) =>
  (from > 0 && QUOTES.includes(text[from - 1])) || (to < text.length && QUOTES.includes(text[to]));

function findTag(text, tag, from, accepts) {
  for (let at = text.indexOf(tag, from); at >= 0; at = text.indexOf(tag, at + 1)) {
    if (!quoted(text, at, at + tag.length) && accepts(text.slice(at + tag.length))) {
      return at;
    }
  }
  return -1;
}

/** `[Called NAME with args: {…}]` in text is a call; what is around it stays text. */
function sayText(text, choice) {
  const mark = /\[Called ([\w.-]+) with args: /;
  for (let rest = text; rest !== '';) {
    const match = mark.exec(rest);
    const begin = match ? match.index + match[0].length : -1;
    const end = match
      ? [...rest.matchAll(/\}\]/g)].map(({ index }) => index + 1).find((to) => isJson(rest.slice(begin, to)))
      : -1;
    if (!match || !end) {
      choice.say('text', rest);
      return;
    }
    choice.say('text', rest.slice(0, match.index));
    choice.call('', match[1]).arguments = rest.slice(begin, end);
    rest = rest.slice(end + 1);
  }
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Text between calls: thinking in tags, calls in brackets, the rest. */
function sayContent(text, choice) {
  const open = findTag(text, '<thinking>', 0, () => true);
  if (open < 0) {
    sayText(text, choice);
    return;
  }
  sayText(text.slice(0, open), choice);
  const begin = open + '<thinking>'.length;
  const close = findTag(text, '</thinking>', begin, (after) => after.startsWith('\n\n') || after.trim() === '');
  choice.say('reasoning', text.slice(begin, close < 0 ? undefined : close).replace(/^\n/, ''));
  if (close >= 0) {
    const after = text.slice(close + '</thinking>'.length);
    sayText(after.startsWith('\n\n') ? after.slice(2) : after.trim(), choice);
  }
}

/** Kiro: JSON payloads told apart by their keys, no end mark. */
module.exports = function readKiro({ events, rest }) {
  const message = new Message();
  const choice = message.choice();
  const calls = new Map();
  let open = null;
  let content = '';
  const flush = () => {
    sayContent(content, choice);
    content = '';
  };
  for (const { data, headers } of events) {
    const payload = JSON.parse(data || '{}');
    if (headers[':message-type'] !== 'event') {
      message.fail(payload, payload.message ?? headers[':error-message'] ?? '');
    } else if (typeof payload.content === 'string' && !payload.followupPrompt) {
      content += payload.content;
    } else if (payload.name || payload.input !== undefined || payload.stop !== undefined) {
      flush();
      if (payload.toolUseId && !calls.has(payload.toolUseId)) {
        calls.set(payload.toolUseId, choice.call(payload.toolUseId, payload.name));
      }
      open = calls.get(payload.toolUseId) ?? open;
      const { input = '' } = payload;
      open.arguments += typeof input === 'string' ? input : JSON.stringify(input);
    }
  }
  flush();
  message.done = rest === 0 && events.length > 0;
  if (message.done && !message.error) {
    choice.finishReason = choice.toolCalls.length > 0 ? 'tool_calls' : 'stop';
  }
  return message.result(null);
};
