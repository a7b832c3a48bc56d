'use strict';
const { providerEvents, lineEvents, frameEvents } = require('./framing');
const { readClaude, readClaudeFrames } = require('./read/claude');

const READERS = {
  'openai-chat': [providerEvents, require('./read/openai-chat')],
  'openai-responses': [providerEvents, require('./read/openai-responses')],
  claude: [providerEvents, readClaude],
  'claude-aws': [frameEvents, readClaudeFrames],
  gemini: [providerEvents, require('./read/gemini')],
  ollama: [lineEvents, require('./read/ollama')],
  'bedrock-converse': [frameEvents, require('./read/bedrock-converse')],
  kiro: [frameEvents, require('./read/kiro')],
};

/**
 * What a whole stream says, read by plain JavaScript that shares nothing with the addon. `format` is a StreamFormat, or
 * 'claude-aws' for Claude's events in AWS frames. Ids that the provider did not give are ''.
 */
function readStream(bytes, format) {
  const [frame, read] = READERS[format];
  return read(frame(bytes));
}

module.exports = { readStream };
