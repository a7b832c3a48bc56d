'use strict';
// A store that cannot be opened, is damaged, full, or gone: a clear error to who brings an item, nothing lost of what was accepted.
const { spawnSync } = require('node:child_process');
const { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { BatchBuffer } = require('sluice');
const { cleanUp, folder, leave, left, open, run, until, root } = require('./support');

afterEach(cleanUp);

/** Hears what is degraded. */
function listen(buffer) {
  const heard = [];
  buffer.on('degraded', (part, error) => heard.push([part, error.code, error]));
  return heard;
}

test('a file where a folder is wanted is an error of the options', () => {
  const file = path.join(folder(), 'file');
  writeFileSync(file, '');
  expect(() => new BatchBuffer(null, { durable: file })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  expect(() => new BatchBuffer(null, { durable: file })).toThrow(/durable\.path/);
});

test('instances of one folder in one process agree on how it is used', async () => {
  const where = folder();
  open(where, null);
  expect(() => open(where, null, { durable: { fsync: 'os' } })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
});

test('a folder that another process has to itself: ERR_STORE_LOCKED, nothing is accepted, one event', async () => {
  const where = folder();
  const owner = run(`
    const buffer = new BatchBuffer(null, { durable: { path: where, exclusive: true } });
    buffer.enqueue(1).then(() => {
      say('accepted');
      setTimeout(() => {}, 600_000);
    });`, where);
  await new Promise((resolve) => owner.child.stdout.once('data', resolve));
  const buffer = open(where, null, { durable: { exclusive: true } });
  const heard = listen(buffer);
  const refused = expect.objectContaining({ code: 'ERR_STORE_LOCKED' });
  await expect(buffer.enqueue(2)).rejects.toThrow(Error);
  await expect(buffer.enqueue(2)).rejects.toEqual(refused);
  await expect(buffer.add(3)).rejects.toEqual(refused);
  expect(await buffer.recovered).toBe(0);
  expect(heard.map(([part, code]) => [part, code])).toEqual([['store', 'ERR_STORE_LOCKED']]);
  expect(buffer.getBufferStatus()).toMatchObject({ size: 0, waiting: 0 });

  owner.child.kill('SIGKILL');
  await owner;
  // a second later it is tried again, and what the owner left is back
  const back = new Promise((resolve) => buffer.on('recovered', resolve));
  let accepted = 0;
  await until(() => {
    buffer.enqueue(4).then(() => (accepted += 1), () => {});
    return accepted > 0;
  }, 'the folder');
  expect(await back).toBe(1);
  expect(buffer.pending().map(({ item }) => item)).toContain(1);
});

test('a damaged file is set aside, and told; the buffer starts empty and works', async () => {
  const where = folder();
  await leave(where, ['lost to the damage']);
  const file = path.join(where, readdirSync(where).find((name) => name.endsWith('.redb')));
  const { size } = statSync(file);
  writeFileSync(file, Buffer.alloc(size, 0x5a));
  const buffer = open(where, null);
  const heard = listen(buffer);
  expect(await buffer.enqueue('new')).toMatch(/^\d+$/);
  expect(await buffer.recovered).toBe(0);
  expect(heard).toEqual([['store', 'ERR_STORE_CORRUPT', expect.objectContaining({ path: expect.stringContaining('damaged') })]]);
  expect(statSync(heard[0][2].path).size).toBe(size);
  await buffer.close();
  expect((await left(where)).map(({ item }) => item)).toEqual(['new']);
});

const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65534, gid: 65534 };
/** Whether another user can run this node on these sources: not where they are in root's own folder. */
const hasNobody = isRoot && spawnSync(process.execPath, ['-e', `require(${JSON.stringify(root)})`], nobody).status === 0;

test('a folder that may not be written: ERR_STORE_IO, nothing is accepted, one event', async () => {
  const where = folder();
  let log = path.join(where, 'log');
  if (isRoot && !hasNobody) {
    // root may write anywhere, but a file in the way stops everybody
    writeFileSync(log, '');
    log = path.join(log, 'below');
  } else {
    mkdirSync(log);
    chmodSync(log, 0o555);
    chmodSync(where, 0o755);
  }
  const { code, out, err } = await run(`
    const buffer = new BatchBuffer(null, { durable: where });
    buffer.on('degraded', (part, error) => say('degraded', part, error.code));
    (async () => {
      for (let n = 0; n < 3; n++) await buffer.add(n).then(() => say('accepted'), (error) => say(error.code));
      const { size, waiting } = buffer.getBufferStatus();
      say(await buffer.recovered, size + waiting);
      await buffer.close();
      say('closed');
    })();`, log, hasNobody ? nobody : {});
  expect([code, err]).toEqual([0, '']);
  expect(out.sort()).toEqual(['0 0', 'ERR_STORE_IO', 'ERR_STORE_IO', 'ERR_STORE_IO', 'closed', 'degraded store ERR_STORE_IO']);
});

/** Fills a folder until an item is refused, delivers what was accepted, makes room, goes on. */
const full = `
  const buffer = new BatchBuffer(null, { durable: { path: where, maxBytes: 2 ** 40 }, maxSize: 1e6 });
  buffer.on('degraded', (part, error) => say('degraded', part, error.code));
  (async () => {
    const accepted = [];
    let code;
    for (let n = 0; n < 4000 && code === undefined; n++) {
      await buffer.enqueue({ n, pad: 'x'.repeat(5000) }).then(() => accepted.push(n), (error) => (code = error.code));
    }
    say('refused', code, accepted.length > 0);
    const again = await buffer.enqueue({ n: -1, pad: 'x'.repeat(3e6) }).then(() => 'accepted', (error) => error.code);
    say('again', again);
    const found = buffer.pending().map(({ item }) => item.n);
    say('in memory', JSON.stringify(found) === JSON.stringify(accepted));
    for (const { id } of buffer.take(accepted.length - 3)) buffer.settle(id, 'delivered');
    const { delivered, kept } = await buffer.close();
    say('closed', delivered === accepted.length - 3, kept, ...accepted.slice(-3));
  })();`;

const told = [
  'again ERR_STORE_IO', expect.stringMatching(/^closed true 3 \d+ \d+ \d+$/), 'degraded store ERR_STORE_IO', 'in memory true', 'refused ERR_STORE_IO true'];

test('a full disk (a limit on the size of files): ERR_STORE_IO, and what was accepted goes on being delivered', async () => {
  const where = folder();
  // a write beyond it fails with EFBIG, since the shell ignores the signal that would come with it
  const script = 'trap "" XFSZ; ulimit -f 3072; exec "$@"';
  const { code, out, err } = await run(full, where, { command: '/bin/bash', before: ['-c', script, 'bash', process.execPath] });
  expect([code, err]).toEqual([0, '']);
  expect(out.sort()).toEqual(told);
  // what was kept is there for the next; what was delivered may be, too, since nothing could be written any more
  const found = (await left(where, { maxSize: 1e6 })).map(({ item }) => item.n);
  expect(found).toEqual(expect.arrayContaining(out[1].split(' ').slice(3).map(Number)));
});

const mounted = isRoot && process.platform === 'linux' ? path.join(folder(), 'disk') : undefined;
/** A disk of 3 MB; false where the system does not let us. */
function mount() {
  if (mounted === undefined) return false;
  mkdirSync(mounted, { recursive: true });
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mounted]).status === 0;
}

test('a full disk: ERR_STORE_IO, and what was accepted goes on being delivered', async () => {
  if (!mount()) return; // the limit above is the same to us
  try {
    const { code, out, err } = await run(full, path.join(mounted, 'log'));
    expect([code, err]).toEqual([0, '']);
    expect(out.sort()).toEqual(told);
  } finally {
    spawnSync('umount', [mounted]);
    rmSync(mounted, { recursive: true, force: true });
  }
});

test('a disk that was full and has room again: a new file, with all that is unsettled', async () => {
  if (!mount()) return;
  try {
    const where = path.join(mounted, 'log');
    const { code, out, err } = await run(`
      const { rmSync, writeFileSync } = require('node:fs');
      const filler = where + '.filler';
      (async () => {
        const poisoned = new BatchBuffer(() => { throw new Error('poison'); }, { name: 'letters', durable: where, retries: 0, batchSize: 1 });
        await poisoned.enqueue('dead');
        await poisoned.flush();
        const buffer = new BatchBuffer(null, { durable: where, maxSize: 1e6 });
        const accepted = [];
        for (let n = 0; n < 20; n++) await buffer.enqueue({ n, pad: 'x'.repeat(500) }).then(() => accepted.push(n));
        try {
          for (let n = 0; ; n++) writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' });
        } catch {}
        let refused = 0;
        for (let n = 20; refused === 0; n++) await buffer.enqueue({ n, pad: 'x'.repeat(5000) }).then(() => accepted.push(n), () => refused++);
        const [{ id, item }] = buffer.take(1);
        buffer.settle(id, 'delivered from memory');
        accepted.splice(accepted.indexOf(item.n), 1);
        rmSync(filler);
        for (let n = 1000; refused > 0; n++) {
          await buffer.enqueue({ n }).then(() => (refused = 0, accepted.push(n)), () => new Promise((resolve) => setTimeout(resolve, 20)));
        }
        await buffer.close();
        await poisoned.close();
        say(JSON.stringify(accepted));
      })();`, where);
    expect([code, err]).toEqual([0, '']);
    expect((await left(where, { maxSize: 1e6 })).map(({ item }) => item.n)).toEqual(JSON.parse(out[0]));
    const letters = open(where, null, { name: 'letters' });
    expect(await letters.deadLetters()).toEqual([expect.objectContaining({ item: 'dead', error: 'poison', attempts: 1 })]);
    await letters.close();
  } finally {
    spawnSync('umount', [mounted]);
    rmSync(mounted, { recursive: true, force: true });
  }
});

test('a folder that is removed while it is open: no crash, and after its end no file', async () => {
  const where = path.join(folder(), 'log');
  const buffer = open(where, (items) => items, { batchSize: 1 });
  listen(buffer);
  await buffer.enqueue('before');
  rmSync(where, { recursive: true });
  const outcome = await buffer.add('after').then(() => 'accepted', (error) => error.code);
  expect(['accepted', 'ERR_STORE_IO']).toContain(outcome);
  const { delivered } = await buffer.close();
  expect(delivered).toBe(outcome === 'accepted' ? 2 : 1);
});

test('right after close the folder may go', async () => {
  const where = folder();
  const buffer = open(where, null);
  await buffer.enqueue(1);
  await buffer.close();
  rmSync(where, { recursive: true });
  expect(() => statSync(where)).toThrow('ENOENT');
});
