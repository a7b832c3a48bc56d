'use strict';
// The caches of this thread that are neither closed nor collected, for metrics().
const caches = new Set();
const collected = new FinalizationRegistry((ref) => caches.delete(ref));

/** Notes one; what it returns ends that. */
function live(tiers) {
  const ref = new WeakRef(tiers);
  caches.add(ref);
  collected.register(tiers, ref, ref);
  return () => {
    caches.delete(ref);
    collected.unregister(ref);
  };
}

const alive = () => [...caches].map((ref) => ref.deref()).filter((tiers) => tiers !== undefined);

module.exports = { live, alive };
