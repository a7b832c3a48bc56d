'use strict';
// `newId` is the caller's code and runs while native code reads a chunk: whatever it does, only memory that is there is read.
const { StreamAssembler, convertRequest, convertResponse } = require('sluice');

const sse = (delta) => Buffer.from(`data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`);
const says = (content) => sse({ content });
const calls = (index) => sse({ tool_calls: [{ index, function: { name: 'f', arguments: '{}' } }] });
const options = { from: 'openai-chat', to: 'claude' };

/** A copy in an ArrayBuffer of its own. */
const alone = (bytes) => new Uint8Array(bytes);
/** Gives the memory away, and overwrites it. */
function takeAway(bytes) {
  const { buffer } = bytes;
  new Uint8Array(structuredClone(buffer, { transfer: [buffer] })).fill(0x58);
  expect(bytes.length).toBe(0);
}

const forbidden = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_OPTION', option: 'newId' });
test.each([
  ['push', (assembler) => assembler.push(says('inner'.repeat(100_000)))],
  ['pushEvent', (assembler) => assembler.pushEvent({ choices: [] })],
  ['finish', (assembler) => assembler.finish()],
  ['fail', (assembler) => assembler.fail({ message: 'no' })],
  ['message', (assembler) => assembler.message()],
  ['text', (assembler) => assembler.text()],
  ['takeEvents', (assembler) => assembler.takeEvents()],
  ['complete', (assembler) => assembler.complete],
  ['events', (assembler) => assembler.events],
])('newId gets an error from its own assembler: %s', (_, use) => {
  let caught;
  const newId = () => {
    try { use(assembler); } catch (error) { caught = error; }
    return 'id';
  };
  const assembler = new StreamAssembler({ ...options, newId });
  const plain = new StreamAssembler({ ...options, newId: () => 'id' });
  const bytes = says('outer'.repeat(1000));
  // the second read ends an event that began in the first: it lies in the assembler's own memory
  for (const chunk of [bytes.subarray(0, 40), bytes.subarray(40)]) expect(assembler.push(chunk)).toEqual(plain.push(chunk));
  expect(caught).toEqual(forbidden);
  expect(assembler.message()).toEqual(plain.message());
});

test('newId may use another assembler', () => {
  const other = new StreamAssembler({ ...options, newId: () => 'other' });
  const assembler = new StreamAssembler({ ...options, newId: () => (other.push(says('b'.repeat(100_000))), 'id') });
  const text = String(assembler.push(says('a')));
  expect(text).toContain('"text":"a"');
  expect(text).not.toContain('bb');
  expect([assembler.text(), other.text().length]).toEqual(['a', 100_000]);
});

test('a chunk that newId gives away is read to its end', () => {
  const bytes = Buffer.concat([says('a'), says('b'.repeat(100_000))]);
  const plain = new StreamAssembler({ ...options, newId: () => 'id' });
  const chunk = alone(bytes);
  const assembler = new StreamAssembler({ ...options, newId: () => (takeAway(chunk), 'id') });
  expect(assembler.push(chunk)).toEqual(plain.push(bytes));
});

test('output is not written to memory that newId gave away', () => {
  let output;
  let drawn = 0;
  const newId = () => {
    drawn += 1;
    if (drawn === 2) takeAway(output);
    return `id${drawn}`;
  };
  const assembler = new StreamAssembler({ ...options, reuse: true, newId });
  let count = 0;
  const plain = new StreamAssembler({ ...options, newId: () => `id${(count += 1)}` });
  output = assembler.push(says('a'.repeat(1000)));
  expect(output).toEqual(plain.push(says('a'.repeat(1000))));
  expect(Buffer.from(assembler.push(calls(0)))).toEqual(plain.push(calls(0)));
  expect(drawn).toBe(2);
  expect(Buffer.from(assembler.push(calls(1)))).toEqual(plain.push(calls(1)));
});

const call = { functionCall: { name: 'f', args: {} } };
const request = { contents: [{ role: 'user', parts: [{ text: 'q' }] }, { role: 'model', parts: [call, { text: 'b'.repeat(100_000) }] }] };
const response = { candidates: [{ content: { parts: [call, { text: 'b'.repeat(100_000) }] }, finishReason: 'STOP' }] };
test.each([
  ['convertRequest', convertRequest, request],
  ['convertResponse', convertResponse, response],
])('a body that newId gives away is read to its end: %s', (_, convert, value) => {
  const told = { from: 'gemini', to: 'openai-chat', now: () => 0 };
  if (convert === convertRequest) delete told.now;
  const bytes = Buffer.from(JSON.stringify(value));
  const body = alone(bytes);
  let drawn = 0;
  const newId = () => {
    if (drawn++ === 0) takeAway(body);
    return 'id';
  };
  expect(convert(body, { ...told, newId })).toEqual(convert(bytes, { ...told, newId: () => 'id' }));
  expect(drawn).toBeGreaterThan(0);
});
