'use strict';
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { isOptimized, text, number, flag } = require('../../compat/environment');

const own = { ...process.env };
afterEach(() => (process.env = { ...own }));
const given = (name, value) => (value === undefined ? delete process.env[name] : (process.env[name] = value));

describe('ENABLE_PERFORMANCE_OPTIMIZATION', () => {
  test.each([[undefined, true], ['', true], ['true', true], ['TRUE', true], ['1', true], ['off', false], ['No', false], ['on', true], ['yes', true], ['false', false], ['0', false]])('%p is %p', (value, on) => {
    given('ENABLE_PERFORMANCE_OPTIMIZATION', value);
    expect(isOptimized()).toBe(on);
  });
  test.each(['sometimes', '1.5', '-1', 'NaN'])('%p is refused by name', (value) => {
    given('ENABLE_PERFORMANCE_OPTIMIZATION', value);
    expect(isOptimized).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'ENABLE_PERFORMANCE_OPTIMIZATION' }));
  });
  test('a share is that share of the processes, and each stays with its answer', () => {
    const real = Object.getOwnPropertyDescriptor(process, 'pid');
    given('ENABLE_PERFORMANCE_OPTIMIZATION', '0.25');
    try {
      const answers = Array.from({ length: 4000 }, (_, pid) => {
        Object.defineProperty(process, 'pid', { value: pid + 1, configurable: true });
        const first = isOptimized();
        expect(isOptimized()).toBe(first);
        return first;
      });
      const on = answers.filter(Boolean).length;
      // five standard deviations of 1000 in 4000
      expect(Math.abs(on - 1000)).toBeLessThan(137);
    } finally {
      Object.defineProperty(process, 'pid', real);
    }
  });
  test('a process that is on at a share is on at every larger one', () => {
    const at = (share) => (given('ENABLE_PERFORMANCE_OPTIMIZATION', String(share)), isOptimized());
    const answers = Array.from({ length: 101 }, (_, percent) => at(percent / 100));
    expect(answers.indexOf(true)).toBe(answers.lastIndexOf(false) + 1);
  });
});

test('texts, numbers and switches', () => {
  given('SLUICE_T', ' a ');
  expect(text('SLUICE_T')).toBe('a');
  given('SLUICE_T', '12');
  expect(number('SLUICE_T', 5)).toBe(12);
  for (const [value, on] of [['on', true], ['YES', true], ['off', false], ['no', false]]) {
    given('SLUICE_T', value);
    expect(flag('SLUICE_T', !on)).toBe(on);
  }
  given('SLUICE_T', 'maybe');
  for (const read of [number, flag]) expect(() => read('SLUICE_T')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'SLUICE_T' }));
  given('SLUICE_T', undefined);
  expect([text('SLUICE_T'), number('SLUICE_T', 5), flag('SLUICE_T', true)]).toEqual([undefined, 5, true]);
});

test('loading the drop-ins reads no variable', () => {
  const script = `
    const read = [];
    process.env = new Proxy({ ...process.env }, { get: (env, name) => (read.push(String(name)), env[name]) });
    require('./compat');
    console.log(JSON.stringify(read.filter((name) => /QSTASH|CACHE|REDIS|QUEUE|ENABLE|RATE/.test(name))));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: path.join(__dirname, '../..'), encoding: 'utf8' });
  expect([stderr, stdout.trim()]).toEqual(['', '[]']);
});
