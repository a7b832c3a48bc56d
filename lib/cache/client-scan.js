'use strict';
// SCAN through a client, on every master of a cluster, one step per page.
const STEP_KEYS = 1000;
const has = (object, name) => object !== null && object !== undefined && typeof object[name] === 'function';

class Scan {
  #client;
  #isNode;
  #prefix;

  constructor(client, isNode, prefix) {
    this.#client = client;
    this.#isNode = isNode;
    this.#prefix = prefix;
  }

  get possible() {
    return has(this.#client, 'scan') || has(this.#client, 'scanIterator') || has(this.#client, 'nodes') || has(this.#client, 'nodeClient');
  }

  /** The nodes that hold keys. */
  async #masters() {
    const client = this.#client;
    if (has(client, 'nodeClient')) return Promise.all(client.masters.map((node) => client.nodeClient(node)));
    return has(client, 'nodes') ? client.nodes('master') : [client];
  }

  /**
   * Generates functions that each make one step and resolve with its keys, so that every step can have a deadline.
   * Clients that put a prefix before keys do not strip it from what SCAN returns: it is done here.
   */
  async *pages(pattern) {
    const match = this.#prefix + pattern;
    for (const node of await this.#masters()) {
      const step = this.#isNode ? stepsOfNodeRedis(node, match) : stepsOfIoredis(node, match);
      for (let more = true; more; ) {
        yield async () => {
          const page = await step();
          more = page.more;
          return this.#strip(page.keys);
        };
      }
    }
  }

  #strip(keys) {
    const prefix = this.#prefix;
    if (prefix === '') return keys;
    return keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  }
}

function stepsOfIoredis(node, match) {
  let cursor = '0';
  return async () => {
    const [next, keys] = await node.scan(cursor, 'MATCH', match, 'COUNT', STEP_KEYS);
    cursor = String(next);
    return { keys, more: cursor !== '0' };
  };
}

function stepsOfNodeRedis(node, match) {
  if (!has(node, 'scanIterator')) {
    let cursor = '0';
    return async () => {
      const said = await node.scan(cursor, { MATCH: match, COUNT: STEP_KEYS });
      cursor = String(said.cursor);
      return { keys: said.keys, more: cursor !== '0' };
    };
  }
  const iterator = node.scanIterator({ MATCH: match, COUNT: STEP_KEYS })[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await iterator.next();
    // newer ones yield pages, older ones single keys
    return { keys: done ? [] : [].concat(value), more: !done };
  };
}

module.exports = { Scan };
