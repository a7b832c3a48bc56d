'use strict';

/** All streams that the project wrote for itself: { format, name, bytes, expected }. */
module.exports = ['openai-chat', 'openai-responses', 'claude', 'gemini', 'ollama', 'bedrock-converse', 'kiro'].flatMap(
  (format) => require(`./${format}`),
);
