// Keys as caches see them: a few hot, most rarely. Drawn from a seed, so that every candidate meets the same.

/** A generator of numbers in [0, 1), by xorshift. */
export function seeded(seed = 1) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** `count` ranks from 0 to n - 1, rank r drawn in proportion to 1 / (r + 1) ** skew. */
export function zipf(n, skew, count, random = seeded()) {
  const sums = new Float64Array(n);
  let sum = 0;
  for (let rank = 0; rank < n; rank += 1) sums[rank] = sum += 1 / (rank + 1) ** skew;
  const drawn = new Uint32Array(count);
  for (let at = 0; at < count; at += 1) {
    const wanted = random() * sum;
    let [low, high] = [0, n - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    drawn[at] = low;
  }
  return drawn;
}
