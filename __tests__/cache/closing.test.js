'use strict';
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { TieredCache } = require('sluice');

// the page of shared numbers stays mapped as long as somebody holds the cache, untouched
const isMapped = (folder) => readFileSync('/proc/self/maps', 'utf8').includes(`${folder}/sluice-1/data.mdb`);
const onLinux = process.platform === 'linux' ? test : () => {};

describe('once close() has resolved nothing touches the disk', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-closing-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  // a file that is cut short while it is mapped kills the process: closed has to mean closed
  onLinux.each([
    ['at once', () => undefined],
    ['while it opens', (cache) => void cache.initialize()],
    ['after a write', (cache) => cache.set('a', 'x'.repeat(100_000))],
    ['after a read', (cache) => cache.get('a')],
    ['with a write on its way', (cache) => void cache.set('a', 1)],
  ])('%s', async (_, use) => {
    const mapped = [];
    for (let round = 0; round < 40; round += 1) {
      const disk = path.join(folder, String(round));
      const cache = new TieredCache({ disk });
      await use(cache);
      if (round % 2) await Promise.resolve();
      await cache.close();
      mapped.push(isMapped(disk));
      rmSync(disk, { recursive: true, force: true });
    }
    expect(mapped).toEqual(Array(40).fill(false));
  });
});
