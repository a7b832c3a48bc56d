'use strict';
const { sse, usage } = require('../build');
const { chunk, text, stop, done, told, make } = require('./chunk');

const SAID = 'caf\u00e9 \u4e2d\u6587 \ud83d\ude00 \ud83d\udc69\u200d\ud83d\udc67';
const escaped = (said) =>
  JSON.stringify(said).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
/** A chunk whose text is spelled by hand. */
const raw = (literal) => `{"id":"chatcmpl-7","model":"model-a","choices":[{"index":0,"delta":{"content":${literal}}}]}`;
const framing = [
  make('CJK and emoji in UTF-8', sse([...SAID].map(text).concat([stop, done])), { text: SAID }),
  make('CJK and emoji as escapes', sse([raw(escaped(SAID)), stop, done]), { text: SAID }),
  make('a surrogate pair in two chunks', sse([raw('"a\\ud83d"'), raw('"\\uDE00b"'), stop, done]), {
    text: 'a\ud83d\ude00b',
  }),
  make('every escape', sse([raw('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u2028\u2028</script>"'), stop, done]), {
    text: '"\\/\b\f\n\r\t\0\u2028\u2028</script>',
  }),
  make('CRLF', sse([text('a\r\n'), text('b'), stop, done], { eol: '\r\n' }), { text: 'a\r\nb' }),
  make('CR', sse([text('a'), text('b'), stop, done], { eol: '\r' }), { text: 'ab' }),
  make('no space after the colon', sse([text(' a'), stop, done], { space: '' }), { text: ' a' }),
  make(
    'a BOM, comments, pings',
    `\ufeff: hello\n\n:\n\n: keep-alive\n\n${sse([text('a')])}:ping\n${sse([text('b')])}event: ping\n\n${sse([stop, done])}`,
    { text: 'ab' },
  ),
  make(
    'event, id, retry and unknown fields',
    `retry: 500\nid: 1\nevent: message\nfoo: bar\n${sse([text('a')])}id\nevent\n${sse([stop, done])}`,
    { text: 'a' },
  ),
  make(
    'one event over several data lines',
    `data: {"id":"chatcmpl-7","choices":\ndata: [{"index":0,\ndata:"delta":{"content":"a"}}]}\n\n${sse([stop, done])}`,
    { text: 'a' },
  ),
  make(
    'events without blank lines between them',
    `${[text('a'), text('b'), stop, chunk([], told(1, 2))].map((event) => `data: ${JSON.stringify(event)}\n`).join('')}data: [DONE]\n\n`,
    { text: 'ab', usage: usage(1, 2) },
  ),
  make('the last event without its blank line', `${sse([text('a'), stop])}data: [DONE]\n`, { text: 'a' }),
  make('the last event without any line end', `${sse([text('a')])}data: ${JSON.stringify(stop)}`, { text: 'a' }),
  make('blank lines too many', `\n\n\r\n${sse([text('a')])}\n\n\n${sse([stop, done])}\n\n`, { text: 'a' }),
  make(
    'a long line',
    sse([text(`${'0123456789abcdef'.repeat(1200)}\u4e2d`), stop, done]),
    { text: `${'0123456789abcdef'.repeat(1200)}\u4e2d` },
    { long: true },
  ),
];

module.exports = framing;
