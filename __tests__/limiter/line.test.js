'use strict';
// The line of a thread and its deadlines, against arrays that are sorted anew each time.
const { Line } = require('../../lib/limiter/line');
const { Deadlines } = require('../../lib/limiter/deadlines');

/** Numbers that look random and are the same each time. */
function numbers(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
const inOrder = (line) => {
  const out = [];
  for (let one = line.first; out.length < line.length; one = one.next) out.push(one);
  return out;
};

test.each([1, 2, 3])('a line is an array that anybody may leave, schedule %i', (seed) => {
  const random = numbers(seed);
  const line = new Line({ weight: 0 });
  let model = [];
  for (let step = 0; step < 4000; step += 1) {
    const kind = random(10);
    if (kind < 5) {
      const one = { weight: 1 + random(3) };
      line.push(one);
      model.push(one);
    } else if (kind < 7) {
      const first = model.shift();
      expect(line.first).toBe(first);
      if (first !== undefined) expect(line.remove(first)).toBe(true);
    } else if (model.length > 0) {
      const [one] = model.splice(random(model.length), 1);
      expect(line.remove(one)).toBe(true);
      expect(line.remove(one)).toBe(false);
    }
    if (step % 997 === 996) {
      expect(line.clear()).toEqual(model);
      model = [];
    }
    expect([line.length, line.weight]).toEqual([model.length, model.reduce((sum, { weight }) => sum + weight, 0)]);
    if (model.length === 0) continue;
    // all of a run stand side by side and want the same, and those who want the same as the first begin with its run
    const sameAsFirst = model.findIndex(({ weight }) => weight !== model[0].weight);
    expect(line.first.run.count).toBeLessThanOrEqual(sameAsFirst < 0 ? model.length : sameAsFirst);
    expect(line.first.run.count).toBe(model.filter(({ run }) => run === line.first.run).length);
    if (step % 50 === 0) expect(inOrder(line)).toEqual(model);
  }
});

test('those who come one after the other and want the same are one run', () => {
  const line = new Line({ weight: 0 });
  const [one, two, three, four] = [1, 1, 2, 1].map((weight) => ({ weight }));
  [one, two, three, four].forEach((each) => line.push(each));
  expect([one, two, three, four].map(({ run }) => run.count)).toEqual([2, 2, 1, 1]);
  line.remove(two);
  expect(one.run.count).toBe(1);
});

test.each([4, 5, 6])('deadlines come out in order of time, then of arrival, schedule %i', (seed) => {
  const random = numbers(seed);
  const deadlines = new Deadlines();
  const model = [];
  for (let step = 0; step < 4000; step += 1) {
    const kind = random(10);
    if (kind < 5) {
      const one = { until: random(200), place: -1, at: step };
      deadlines.add(one);
      model.push(one);
      model.sort((a, b) => a.until - b.until || a.at - b.at);
    } else if (model.length > 0) {
      const [one] = model.splice(kind < 7 ? 0 : random(model.length), 1);
      deadlines.remove(one);
      deadlines.remove(one);
      expect(one.place).toBe(-1);
    }
    expect(deadlines.first).toBe(model[0]);
  }
});
