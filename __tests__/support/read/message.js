'use strict';

const FINISH_REASONS = {
  length: ['length', 'max_tokens', 'MAX_TOKENS', 'max_output_tokens', 'model_context_window_exceeded'],
  tool_calls: ['tool_calls', 'tool_use', 'function_call'],
  content_filter: [
    'content_filter',
    'refusal',
    'guardrail_intervened',
    'content_filtered',
    'SAFETY',
    'RECITATION',
    'BLOCKLIST',
    'PROHIBITED_CONTENT',
    'SPII',
    'IMAGE_SAFETY',
  ],
  error: ['error', 'failed', 'MALFORMED_FUNCTION_CALL'],
};

/** Any provider's word in common terms. */
function commonFinish(raw) {
  const found = Object.entries(FINISH_REASONS).find(([, words]) => words.includes(raw));
  return found ? found[0] : 'stop';
}

/** One alternative while it is read. */
class Choice {
  constructor(index) {
    this.index = index;
    this.parts = [];
    this.toolCalls = [];
    this.finishReason = null;
    this.rawFinishReason = null;
  }

  say(type, text) {
    if (typeof text !== 'string' || text === '') {
      return;
    }
    const last = this.parts.at(-1);
    if (last?.type === type && !last.ended) {
      last.text += text;
    } else {
      this.parts.push({ type, text });
    }
  }

  sign(signature) {
    const last = this.parts.at(-1);
    if (last?.type === 'reasoning' && !last.ended) {
      last.signature = (last.signature ?? '') + signature;
    } else {
      this.parts.push({ type: 'reasoning', text: '', signature });
    }
  }

  endPart() {
    if (this.parts.length > 0) {
      this.parts.at(-1).ended = true;
    }
  }

  call(id, name) {
    const call = { id: id || '', name: name ?? '', arguments: '' };
    this.toolCalls.push(call);
    this.parts.push({ type: 'tool_call', call });
    return call;
  }

  finish(raw) {
    this.rawFinishReason = raw;
    this.finishReason = commonFinish(raw);
  }

  joined(type) {
    return this.parts
      .filter((part) => part.type === type)
      .map((part) => part.text)
      .join('');
  }
}

/** What a stream said, while it is read. Ids that the provider did not give are ''. */
class Message {
  constructor() {
    this.choices = [];
    this.counts = null;
    this.model = null;
    this.id = null;
    this.done = false;
    this.error = null;
  }

  choice(index = 0) {
    let choice = this.choices.find((known) => known.index === index);
    if (!choice) {
      choice = new Choice(index);
      this.choices.push(choice);
      this.choices.sort((left, right) => left.index - right.index);
    }
    return choice;
  }

  start(id, model) {
    this.id = this.id || id || null;
    this.model = this.model || model || null;
  }

  /** Token counts by the provider's own field names: the last that is not zero stays. */
  count(fields) {
    this.counts ??= {};
    for (const [name, value] of Object.entries(fields)) {
      if (typeof value === 'number' && (value !== 0 || !(name in this.counts))) {
        this.counts[name] = value;
      }
    }
  }

  fail(provider, message) {
    this.error = { provider, message };
  }

  result(usage) {
    const first = this.choices.find(({ index }) => index === 0) ?? new Choice(0);
    const common = this.counts && usage ? usage(this.counts) : null;
    return {
      parts: first.parts.map(({ ended, ...part }) => part),
      text: first.joined('text'),
      reasoning: first.joined('reasoning'),
      refusal: first.joined('refusal'),
      toolCalls: first.toolCalls,
      finishReason: first.finishReason,
      rawFinishReason: first.rawFinishReason,
      usage: common && { ...common, totalTokens: common.totalTokens || common.inputTokens + common.outputTokens },
      model: this.model,
      id: this.id,
      complete: this.done && this.error === null,
      error: this.error,
      choices: this.choices.map((choice) => ({
        index: choice.index,
        text: choice.joined('text'),
        reasoning: choice.joined('reasoning'),
        toolCalls: choice.toolCalls,
        finishReason: choice.finishReason,
      })),
    };
  }
}

/** Token counts in common terms, what is not given being 0. */
const usageOf = ({ input = 0, output = 0, total = 0, cached = 0, creation = 0, reasoning = 0 }) => ({
  inputTokens: input,
  outputTokens: output,
  totalTokens: total,
  cachedTokens: cached,
  cacheCreationTokens: creation,
  reasoningTokens: reasoning,
});

module.exports = { Message, usageOf };
