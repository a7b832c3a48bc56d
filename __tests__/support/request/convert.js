'use strict';
// What suites of convertRequest share: the dialects, a conversion that has been checked, and the parts of requests.
const { convertRequest } = require('../../..');
const rules = require('./rules');

const DIALECTS = ['openai-chat', 'openai-responses', 'claude', 'gemini', 'ollama'];
const PNG = 'iVBORw0KGgoAAAANSUhEUg==';
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

function convert(from, to, body, options) {
  const out = JSON.parse(convertRequest(body, { from, to, newId: (kind) => `${kind}-new`, ...options }));
  rules[to](out);
  return out;
}
const ask = [{ role: 'user', content: 'hi' }];
const chatTool = { type: 'function', function: { name: 'weather', description: 'now', parameters: schema } };

module.exports = { DIALECTS, PNG, schema, convert, ask, chatTool };
