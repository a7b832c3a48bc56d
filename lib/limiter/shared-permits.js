'use strict';
// Where an adaptive limiter's permits come from that hosts share: one key in Redis. Its grants arrive by `permits.pass()`.
const native = require('../native');
const { call } = require('../errors');
const { ClientNodes, Door } = require('./client-nodes');
const { Nodes } = require('./nodes');

/** An application's client: what is due is known behind a crossing of the limiter. */
class PassingDoor extends Door {
  isPassing = false;
  #pass;

  constructor(nodes, pass) {
    super(nodes.handle, nodes.numbers, () => nodes.now());
    this.#pass = pass;
  }
  get isDue() {
    return true;
  }
  due() {
    this.isPassing = true;
    this.#pass();
    this.isPassing = false;
    return super.due();
  }
}

class SharedPermits {
  #nodes;
  #door;
  #client;
  #on;

  /** `tell(event, error)`: 'degraded' and 'recovered'. */
  constructor(permits, config, handle, clock, tell) {
    // neither what Redis says nor a timer keeps a limiter that nobody has
    const weak = new WeakRef(permits);
    const look = () => weak.deref()?.pass();
    this.#on = {
      degraded: (error) => tell('degraded', error),
      recovered: () => tell('recovered'),
      answered: look,
      look,
    };
    this.#nodes = new Nodes({ ...config, keyPrefix: '', isSole: true }, this.#on, (redis, nodes) => {
      this.#door = new PassingDoor(nodes, look);
      this.#client = new ClientNodes(redis, this.#door, this.#on);
      return this.#client;
    }, clock);
    call(native.limiterShare, handle, this.#nodes.handle);
  }
  /** Behind each crossing. */
  send() {
    if (this.#door?.isPassing === false) this.#client.send();
  }
  update(limit, windowMs) {
    this.#nodes.update(limit, windowMs);
  }
  close() {
    return this.#nodes.close();
  }
}

module.exports = { SharedPermits };
