'use strict';
// Resident memory stays flat over 200,000 calls of each kind.
const { runChild } = require('../child');

// What the allocator and V8 may keep between the two measurements. 200,000 leaks of 64 bytes would be 12 MB.
const SLACK_MB = 10;

const kinds = {
  'turns of the event loop': 'await nextTurn()',
  'completions of pool threads': 'await Promise.all([begin(quick), begin(quick), begin(quick), begin(quick)]); at += 3',
  'objects made, used and dropped': 'native.testCall(native.testGuarded(), false)',
  'calls that fail': "try { native.hold(9e6); } catch {}; await begin(() => native.hold(9e6)).catch(() => {})",
  'chunks assembled and converted': "const one = new sluice.StreamAssembler({ from: 'openai-chat', to: 'claude' }); one.push(frame); one.push(frame); one.finish()",
  'events decoded': 'new sluice.EventStreamDecoder().push(frame)',
  'requests converted': "sluice.convertRequest(request, { from: 'openai-chat', to: 'claude' })",
  'bodies read': "const body = Readable.from([text]); body.headers = {}; await sluice.readJson(body)",
  'documents opened, read and closed': "const one = await sluice.JsonDocument.parse(text); one.get('/messages/0/content'); one.close()",
  'documents opened and dropped': "(await sluice.JsonDocument.parse(text)).get('/messages/0/content')",
  'cells opened under one name': "native.openCells('memory', 8)",
};

test.each(Object.entries(kinds))('%s', async (_, source) => {
  const calls = 200_000;
  const { code, out, err } = await runChild(`
    const { Readable } = require('node:stream');
    const frame = Buffer.from('data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}\\n\\n');
    const text = Buffer.from('{"model":"m","messages":[{"role":"user","content":"hi"}]}');
    const request = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
    const quick = (shell, id) => native.testSleep(shell, id, 0);
    const round = async (count) => {
      for (let at = 0; at < count; at++) {
        ${source};
        if (at % 1000 === 0) await new Promise(setImmediate);
      }
      for (let turn = 0; turn < 5; turn++) { gc(); await new Promise(setImmediate); }
      return process.memoryUsage().rss / 2 ** 20;
    };
    (async () => {
      // a leak grows in each round; what an allocator keeps for later does not
      let before = await round(${calls / 4});
      let growth = Infinity;
      for (let attempt = 0; attempt < 3 && growth >= ${SLACK_MB}; attempt++) {
        const after = await round(${calls});
        growth = Math.min(growth, after - before);
        before = after;
      }
      console.log(growth);
    })();`, { flags: ['--expose-gc'] });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(Number(out)).toBeLessThan(SLACK_MB);
});
