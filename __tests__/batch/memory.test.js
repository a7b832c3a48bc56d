'use strict';
// What a buffer holds on to: nothing of what has gone. SLUICE_GROUPS=1000000 for the long run.
const { runChild } = require('../child');

const GROUPS = Number(process.env.SLUICE_GROUPS ?? 400_000);

test('groups that come once leave nothing behind', async () => {
  const { code, out, err } = await runChild(`
    (async () => {
      let handed = 0;
      const buffer = new sluice.BatchBuffer((items) => { handed += items.length; }, { batchSize: 1, concurrency: 100, maxSize: 10000, groupBy: (item) => 'group ' + item });
      const run = async (from, to) => {
        for (let at = from; at < to; at += 1000) {
          for (let item = at; item < at + 1000; item += 1) buffer.enqueue(item);
          await buffer.flush();
        }
        gc();
        return process.memoryUsage().rss;
      };
      // V8 settles on the size of its young generation in the first, and from Node 22 on keeps as many freed pages in the second
      await run(0, ${GROUPS});
      const before = await run(${GROUPS}, ${2 * GROUPS});
      const after = await run(${2 * GROUPS}, ${3 * GROUPS});
      console.log(JSON.stringify({ handed, grown: after - before, status: buffer.getBufferStatus().size }));
    })();`, { flags: ['--expose-gc'] });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const { handed, grown, status } = JSON.parse(out);
  expect({ handed, status }).toEqual({ handed: 3 * GROUPS, status: 0 });
  // a hundred bytes each would be 40 MB at the least
  expect(grown).toBeLessThan(GROUPS * 40);
});

test('items that were settled, dropped, cleared or given up are not held', async () => {
  const { code, out, err } = await runChild(`
    (async () => {
      const buffer = new sluice.BatchBuffer((items) => items.map((item) => (item.bad ? Object.assign(new Error('no'), { status: 400 }) : undefined)), { batchSize: 10, maxSize: 100, maxDeadLetters: 5, overflow: 'drop-oldest', batchTimeout: 5 });
      const refs = [];
      const item = (fields) => { const made = { payload: new Array(100).fill(0), ...fields }; refs.push(new WeakRef(made)); return made; };
      const quiet = (promise) => promise.catch(() => {});
      for (let round = 0; round < 50; round += 1) {
        const controller = new AbortController();
        const ends = [];
        for (let at = 0; at < 20; at += 1) ends.push(quiet(buffer.add(item({ bad: at % 7 === 0 }))));
        ends.push(quiet(buffer.add(item(), { signal: controller.signal })));
        controller.abort();
        for (let at = 0; at < 5; at += 1) ends.push(quiet(buffer.add(item())));
        buffer.clear();
        await Promise.all(ends);
      }
      await buffer.flush();
      for (let round = 0; round < 5; round += 1) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)); }
      const alive = refs.filter((ref) => ref.deref() !== undefined).length;
      console.log(JSON.stringify([refs.length, alive, (await buffer.deadLetters()).length]));
    })();`, { flags: ['--expose-gc'] });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const [made, alive, letters] = JSON.parse(out);
  expect([made, letters]).toEqual([1300, 5]);
  // the letters, and what the last calls may still have on the stack
  expect(alive).toBeLessThanOrEqual(letters + 25);
});
