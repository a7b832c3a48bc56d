'use strict';
// LocalBufferQueue: what it promises, on a real disk and in real processes.
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { LocalBufferQueue } = require('sluice/compat/local-buffer-queue');

const own = { ...process.env };
const root = path.join(__dirname, '..', '..');
const folders = [];
const made = [];
/** A path for a queue in a folder that is gone after the test. */
function place() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-local-'));
  folders.push(folder);
  return path.join(folder, 'data', 'local-queue.json');
}
function make(persistencePath, options) {
  const queue = new LocalBufferQueue({ persistencePath, ...options });
  made.push(queue);
  return queue;
}
async function open(...args) {
  const queue = make(...args);
  await queue.init();
  return queue;
}
const dataOf = (messages) => messages.map(({ data }) => data);
/** What the next process finds there. */
async function left(persistencePath) {
  const queue = await open(persistencePath);
  const found = dataOf(queue.buffer);
  await queue.close();
  return found;
}
afterEach(async () => {
  process.env = { ...own };
  await Promise.all(made.splice(0).map((queue) => queue.close().catch(() => {})));
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
});
/** A program with `LocalBufferQueue` and `where`, in a process that ends by SIGKILL at its first word; that word. */
async function killedAtFirstWord(source, where) {
  const child = spawn(process.execPath, ['-e', `const { LocalBufferQueue } = require('./compat/local-buffer-queue'); const where = process.argv[1]; (async () => {${source}})();`, where], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const [word] = await once(child.stdout, 'data');
  child.kill('SIGKILL');
  const [, signal] = await once(child, 'close');
  expect(signal).toBe('SIGKILL');
  return String(word).trim();
}

describe.each([['optimized', undefined], ['plain', 'false']])('a queue, %s', (_, value) => {
  beforeEach(() => {
    if (value !== undefined) process.env.ENABLE_PERFORMANCE_OPTIMIZATION = value;
  });

  test('messages go in and come out in order, with their shape', async () => {
    const queue = await open(place());
    const before = Date.now();
    expect([await queue.enqueue({ order: 1 }), await queue.enqueueBatch(['two', 3])]).toEqual([true, true]);
    const [first, ...others] = queue.buffer;
    expect(first).toEqual({ id: expect.stringMatching(/./), data: { order: 1 }, timestamp: expect.any(Number), retryCount: 0 });
    expect([first.timestamp >= before, first.timestamp <= Date.now(), dataOf(others)]).toEqual([true, true, ['two', 3]]);
    expect(new Set(queue.buffer.map(({ id }) => id)).size).toBe(3);
    expect(queue.getStatus()).toEqual({ bufferSize: 3, metrics: { totalEnqueued: 3, totalFlushed: 0, totalFailed: 0, currentSize: 3 }, isFlushing: false, canAccept: true });
    expect(dataOf(await queue.dequeueBatch())).toEqual([{ order: 1 }, 'two', 3]);
    expect([queue.buffer, await queue.dequeueBatch()]).toEqual([[], []]);
    expect(queue.getStatus().metrics).toEqual({ totalEnqueued: 3, totalFlushed: 3, totalFailed: 0, currentSize: 0 });
    queue.resetMetrics();
    expect(queue.getStatus().metrics).toEqual({ totalEnqueued: 0, totalFlushed: 0, totalFailed: 0, currentSize: 0 });
  });
  test('the buffer has grown when enqueue returns, and is one array', async () => {
    const queue = make(place());
    const { buffer } = queue;
    const [one, two] = [queue.enqueue('a'), queue.enqueue('b')];
    expect([buffer === queue.buffer, buffer.length, queue.getStatus().bufferSize]).toEqual([true, 2, 2]);
    await Promise.all([one, two]);
    await queue.dequeueBatch();
    expect([buffer === queue.buffer, buffer]).toEqual([true, []]);
  });
  test('flush: false when there is nothing, else true when it is on disk', async () => {
    const where = place();
    const queue = await open(where);
    expect(await queue.flush()).toBe(false);
    void queue.enqueue('a');
    const flushing = queue.flush();
    expect(queue.isFlushing).toBe(true);
    expect([await flushing, queue.isFlushing]).toEqual([true, false]);
    expect(queue.metrics.totalEnqueued).toBe(1);
  });
  test('close and the next process: what was not handed out is there, in order', async () => {
    const where = place();
    const queue = await open(where);
    await queue.enqueueBatch(['a', 'b', 'c', 'd']);
    await queue.dequeueBatch(2);
    await queue.close();
    await expect(queue.enqueue('late')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(await left(where)).toEqual(['c', 'd']);
  });
  test('retries: counted, put back, listed beyond the threshold, kept over a restart', async () => {
    const where = place();
    const queue = await open(where, { maxRetries: 2 });
    await queue.enqueueBatch(['a', 'b']);
    const [a] = await queue.dequeueBatch(1);
    expect([await queue.retryFailed(a.id), await queue.retryFailed('nobody')]).toEqual([true, false]);
    expect(queue.buffer.map(({ data, retryCount }) => [data, retryCount])).toEqual([['b', 0], ['a', 1]]);
    for (const _ of [1, 2]) await queue.retryFailed(a.id);
    expect([queue.getExceededRetryMessages(), queue.getExceededRetryMessages(3), queue.getExceededRetryMessages(0)]).toEqual([[a], [], [a]]);
    await queue.close();
    const next = await open(where, { maxRetries: 2 });
    expect(next.buffer.map(({ id, data, retryCount }) => [id === a.id, data, retryCount])).toEqual([[true, 'a', 3], [false, 'b', 0]]);
    expect([next.removeMessage(a.id), next.removeMessage(a.id), dataOf(next.buffer)]).toEqual([true, false, ['b']]);
    await next.close();
    expect(await left(where)).toEqual(['b']);
  });
  test('what is handed out is done when it is removed, with the next batch, or with close', async () => {
    const where = place();
    const queue = await open(where);
    await queue.enqueueBatch(['a', 'b', 'c', 'd']);
    const [a] = await queue.dequeueBatch(2);
    expect([queue.removeMessage(a.id), await queue.retryFailed(a.id)]).toEqual([true, false]);
    await queue.dequeueBatch(1);
    await queue.close();
    expect(await left(where)).toEqual(['d']);
  });
});

test('a buffered queue that is killed with SIGKILL comes back with its tasks in order', async () => {
  const where = place();
  const word = await killedAtFirstWord(`
    const queue = new LocalBufferQueue({ persistencePath: where });
    await queue.init();
    for (let task = 0; task < 20; task += 1) await queue.enqueue({ task });
    await queue.enqueueBatch(Array.from({ length: 30 }, (_, more) => ({ task: 20 + more })));
    console.log('accepted');
    setInterval(() => {}, 1000);`, where);
  expect(word).toBe('accepted');
  expect(await left(where)).toEqual(Array.from({ length: 50 }, (_, task) => ({ task })));
});

describe('Better', () => {
  test('accepted and lost: a message is on disk when enqueue resolves', async () => {
    const where = place();
    await killedAtFirstWord(`
      const queue = new LocalBufferQueue({ persistencePath: where, flushInterval: 5000 });
      await queue.enqueue('accepted');
      console.log('now');`, where);
    expect(await left(where)).toEqual(['accepted']);
  });
  test('half a file is no file: killed while it writes, all that was accepted is there, and nothing else', async () => {
    const where = place();
    const word = await killedAtFirstWord(`
      const queue = new LocalBufferQueue({ persistencePath: where, maxSize: 1e6 });
      await queue.init();
      let accepted = 0;
      const more = async (at) => {
        for (;; at += 10) {
          await queue.enqueue({ at, text: 'x'.repeat(10_000) });
          if ((accepted += 1) === 200) require('node:fs').writeSync(1, '200');
        }
      };
      for (let at = 0; at < 10; at += 1) void more(at);`, where);
    const found = (await left(where)).map(({ at }) => at);
    expect([word, found.length >= 200]).toEqual(['200', true]);
    // ten writers, each in order and without a gap
    for (let writer = 0; writer < 10; writer += 1) expect(found.filter((at) => at % 10 === writer)).toEqual(found.filter((at) => at % 10 === writer).map((_, at) => writer + 10 * at));
  });
  test('a damaged file is overwritten: it stays where it is, with a warning', async () => {
    const where = place();
    fs.mkdirSync(path.dirname(where));
    fs.writeFileSync(where, '[{"id":"1","data":{"order"');
    const warn = jest.fn();
    const queue = await open(where, { logger: { warn } });
    await queue.enqueue('new');
    await queue.close();
    expect([dataOf(queue.buffer), fs.readFileSync(where, 'utf8')]).toEqual([['new'], '[{"id":"1","data":{"order"']);
    expect(warn).toHaveBeenCalledWith(expect.any(String), expect.objectContaining({ code: 'ERR_STORE_CORRUPT' }));
  });
  test('taken and lost: what was handed out and not finished is there again after a crash', async () => {
    const where = place();
    const word = await killedAtFirstWord(`
      const queue = new LocalBufferQueue({ persistencePath: where });
      await queue.enqueueBatch(['a', 'b', 'c']);
      await queue.dequeueBatch(1);
      console.log((await queue.dequeueBatch(1))[0].data);
      setInterval(() => {}, 1000);`, where);
    expect(word).toBe('b');
    // at least once: that 'a' is done may not have been written yet
    expect((await left(where)).slice(-2)).toEqual(['b', 'c']);
  });
  test('a maximum that bounds nothing', async () => {
    const queue = await open(place(), { maxSize: 3 });
    await queue.enqueueBatch(['a', 'b']);
    await expect(queue.enqueueBatch(['c', 'd'])).rejects.toMatchObject({ code: 'ERR_BUFFER_FULL' });
    expect([dataOf(queue.buffer), queue.getStatus().canAccept]).toEqual([['a', 'b'], true]);
    await queue.enqueue('c');
    expect(queue.getStatus().canAccept).toBe(false);
    await expect(queue.enqueue('d')).rejects.toMatchObject({ code: 'ERR_BUFFER_FULL' });
    await queue.dequeueBatch(1);
    // it is not done yet
    await expect(queue.enqueue('d')).rejects.toMatchObject({ code: 'ERR_BUFFER_FULL' });
    expect([dataOf(queue.buffer), queue.metrics.totalFailed]).toEqual([['b', 'c'], 3]);
    queue.removeMessage((await queue.dequeueBatch(1))[0].id);
    // the next batch has made room for one, the removal for another
    await queue.enqueueBatch(['d', 'e']);
    expect(dataOf(queue.buffer)).toEqual(['c', 'd', 'e']);
  });
  test('retried for ever: beyond maxRetries it is handed out no more', async () => {
    const queue = await open(place(), { maxRetries: 1 });
    await queue.enqueueBatch(['poison', 'good']);
    const handed = [];
    for (let round = 0; round < 4; round += 1) {
      for (const { id, data } of await queue.dequeueBatch()) {
        handed.push(data);
        if (data === 'poison') await queue.retryFailed(id);
      }
    }
    expect(handed).toEqual(['poison', 'good', 'poison']);
    expect(queue.getExceededRetryMessages().map(({ data, retryCount }) => [data, retryCount])).toEqual([['poison', 2]]);
  });
  test('a timer that keeps the process alive: a program that has a queue ends', () => {
    const where = place();
    const program = `
      const { LocalBufferQueue } = require('./compat/local-buffer-queue');
      (async () => { const queue = new LocalBufferQueue({ persistencePath: process.argv[1] }); await queue.init(); await queue.enqueue(1); console.log('done'); })();`;
    const { status, stdout, signal } = spawnSync(process.execPath, ['-e', program, where], { cwd: root, encoding: 'utf8', timeout: 240_000 });
    expect([status, signal, stdout.trim()]).toEqual([0, null, 'done']);
  });
});

describe('the JSON file of before', () => {
  const list = [{ id: 'old-1', data: { order: 1 }, timestamp: 1_700_000_000_000, retryCount: 0 }, { id: 'old-2', data: 'second', timestamp: 1_700_000_001_000, retryCount: 2 }];
  test.each([['a list', list], ['a list with figures', { buffer: list, stats: { totalAdded: 2 }, timestamp: 5 }]])('%s is taken in once, in order, and renamed', async (_, file) => {
    const where = place();
    fs.mkdirSync(path.dirname(where));
    fs.writeFileSync(where, JSON.stringify(file, null, 2));
    const queue = await open(where);
    expect(queue.buffer.map(({ data, retryCount }) => [data, retryCount])).toEqual([[{ order: 1 }, 0], ['second', 2]]);
    for (const [at, { timestamp }] of queue.buffer.entries()) expect(Math.abs(timestamp - list[at].timestamp)).toBeLessThan(10_000);
    expect(fs.readdirSync(path.dirname(where)).sort()).toEqual(['local-queue.json.imported', 'local-queue.json.store']);
    await queue.close();
    expect(await left(where)).toEqual([{ order: 1 }, 'second']);
  });
  test('a folder in its place is the store itself', async () => {
    const where = path.dirname(place());
    fs.mkdirSync(where);
    const queue = await open(where);
    await queue.enqueue('a');
    await queue.close();
    expect([await left(where), fs.existsSync(`${where}.store`)]).toEqual([['a'], false]);
  });
});

describe('by hand', () => {
  test('messages put into the buffer are stored, those taken out are done', async () => {
    const where = place();
    const queue = await open(where);
    await queue.enqueueBatch(['a', 'b', 'c']);
    queue.buffer.splice(1, 1);
    queue.buffer.push({ data: 'd' }, { id: 'mine', data: 'e', timestamp: 5, retryCount: 9 });
    expect(queue.getExceededRetryMessages().map(({ id }) => id)).toEqual(['mine']);
    expect([await queue.flush(), queue.removeMessage('mine'), dataOf(queue.buffer)]).toEqual([true, true, ['a', 'c', 'd']]);
    await queue.close();
    expect(await left(where)).toEqual(['a', 'c', 'd']);
  });
  test('a buffer that is replaced', async () => {
    const where = place();
    const queue = await open(where);
    await queue.enqueueBatch(['a', 'b']);
    const [, b] = queue.buffer;
    const next = [b, { data: 'new' }];
    queue.buffer = next;
    expect(queue.buffer).toBe(next);
    await queue.flush();
    expect(() => (queue.buffer = 'no')).toThrow(expect.objectContaining({ option: 'buffer' }));
    await queue.close();
    expect(await left(where)).toEqual(['b', 'new']);
  });
  test('removed while it is on its way to the disk', async () => {
    const where = place();
    const queue = await open(where);
    const entering = queue.enqueue('gone');
    void queue.enqueue('stays');
    expect(queue.removeMessage(queue.buffer[0].id)).toBe(true);
    expect(await entering).toBe(true);
    await queue.close();
    expect(await left(where)).toEqual(['stays']);
  });
});

test('what JSON cannot say is refused, and is not in the buffer', async () => {
  const queue = await open(place());
  for (const item of [undefined, () => {}, 1n]) await expect(queue.enqueue(item)).rejects.toMatchObject({ code: 'ERR_VALUE' });
  expect([queue.buffer, queue.metrics.totalFailed]).toEqual([[], 3]);
});
test.each([['maxSize', 0], ['maxBufferSize', 1.5], ['maxRetries', -1], ['persistencePath', 5], ['persistencePath', '']])('%s %j is refused by name', (option, value) => {
  expect(() => new LocalBufferQueue({ [option]: value })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
});
test('defaults, and other options', () => {
  const { options, flushTimer } = new LocalBufferQueue({ flushInterval: 5000 });
  expect([options, flushTimer]).toEqual([{ flushInterval: 5000, persistencePath: './data/local-queue.json', maxSize: 1000, maxBufferSize: 1000, maxRetries: 3 }, null]);
});
