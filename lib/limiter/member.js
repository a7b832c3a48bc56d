'use strict';
// This thread's part of a limiter in native code. Of a shared one another thread announces what it has left in the outbox.
const native = require('../native');
const { subscribe, unsubscribe } = require('../completion');
const { call } = require('../errors');

const lost = new FinalizationRegistry((id) => unsubscribe(id));

class Member {
  handle;
  #subscription;

  /** `settings` as `limiterOpen` takes them; `shared`: its name, or undefined; `permits.pass()` is called when something is there. */
  constructor(settings, shared, permits) {
    this.#subscription = subscribe(passing(permits), (shell, id) => {
      this.handle = call(native.limiterOpen, settings, shared ?? null, shell, id);
    });
    if (shared === undefined) {
      unsubscribe(this.#subscription);
      this.#subscription = undefined;
    } else {
      lost.register(this, this.#subscription, this);
    }
  }
  /** The thread uses it no more. */
  leave(now) {
    native.limiterLeave(this.handle, now);
    this.handle = undefined;
    if (this.#subscription === undefined) return;
    lost.unregister(this);
    unsubscribe(this.#subscription);
  }
}

/** Announcements must not keep a limiter that nobody has: a function of its own, that sees nothing else. */
function passing(permits) {
  const weak = new WeakRef(permits);
  return () => weak.deref()?.pass();
}

module.exports = { Member };
