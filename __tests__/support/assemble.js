'use strict';
const { StreamAssembler } = require('sluice');

const CLIENT_FORMATS = ['openai-chat', 'openai-responses', 'claude', 'gemini', 'ollama'];
const NOW = 1_700_000_000_000;

/** Options for a case of ours: 'claude-aws' is Claude in AWS frames. Ids are drawn in order, the clock stands. */
function optionsFor(format, more = {}) {
  let drawn = 0;
  const from = format === 'claude-aws' ? { from: 'claude', framing: 'aws-eventstream' } : { from: format };
  return { ...from, newId: (kind) => `${kind}_${(drawn += 1)}`, now: () => NOW, ...more };
}

/** Pushes pieces: the client's bytes and the assembler after its end. */
function assemble(pieces, options) {
  const assembler = new StreamAssembler(options);
  const out = pieces.map((piece) => Buffer.from(assembler.push(piece)));
  out.push(Buffer.from(assembler.finish()));
  return { bytes: Buffer.concat(out), assembler };
}

/** A message as plain data, its error included. */
function plain(message) {
  const { error } = message;
  return { ...message, error: error && { code: error.code, message: error.message, provider: error.provider } };
}

/** What a run came to, in one string: equal for every split. */
function fingerprint(pieces, options) {
  const { bytes, assembler } = assemble(pieces, options);
  return JSON.stringify([bytes.toString('latin1'), plain(assembler.message())]);
}

/** The first split that does not come to `wanted`; null when all do. */
function firstOther(splits, options, wanted) {
  for (const pieces of splits) {
    if (fingerprint(pieces, options()) !== wanted) {
      return pieces.map(String);
    }
  }
  return null;
}

module.exports = { CLIENT_FORMATS, NOW, optionsFor, assemble, plain, fingerprint, firstOther };
