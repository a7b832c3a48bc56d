'use strict';
// The commands that the cache sends through a client that the application has: ioredis and its Cluster, node-redis and
// its cluster, mocks, or anything with get, set and del. Which one it is shows in its methods.
const { Scan } = require('./client-scan');

const has = (object, name) => object !== null && object !== undefined && typeof object[name] === 'function';

/** More keys in one command would hold up the server. */
const BATCH = 256;
/** node-redis' number of the reply type that `get` has. */
const BLOB_STRING = 36;
/** A tagged value of raw bytes, which a string cannot carry: see crates/core/src/cache/wire.rs. */
const RAW = /^\u00021(?:[bv]|.[23])/;

/** The server's refusal of one command: it answers. Other refusals (LOADING, READONLY, …) are of all of them. */
const isAnswer = (error) => /^(WRONGTYPE|ERR|CROSSSLOT|EXECABORT|NOSCRIPT|NOPERM)\b/.test(error?.message);

const OTHER_TYPE = {};
/** What a reply of a pipeline says: ioredis gives [error, value], node-redis the value or the error. */
function unpack(reply) {
  const [error, value] = Array.isArray(reply) ? reply : reply instanceof Error ? [reply] : [null, reply];
  if (!error) return value;
  if (!isAnswer(error)) throw error;
  return OTHER_TYPE;
}

class ClientCommands {
  #client;
  #isNode;
  #isCluster;
  #scan;
  /** What the client itself puts before each key. */
  ownPrefix;

  constructor(client) {
    this.#client = client;
    this.#isNode = has(client, 'sendCommand') && (has(client, 'scanIterator') || has(client, 'nodeClient') || has(client, 'pTTL'));
    this.#isCluster = client.isCluster === true || has(client, 'nodes') || has(client, 'nodeClient');
    this.ownPrefix = String(client.options?.keyPrefix ?? '');
    this.#scan = new Scan(client, this.#isNode, this.ownPrefix);
  }

  get isCluster() {
    return this.#isCluster;
  }
  /** Whether it takes arguments as node-redis does. */
  get isNode() {
    return this.#isNode;
  }
  /** Whether a method is there; others count as commands that the server refuses. */
  can(command) {
    if (command === 'scan') return this.#scan.possible;
    return has(this.#client, command);
  }

  /**
   * Values of keys with their milliseconds left, as `[value, msLeft]` in their order. A key of another type has an object
   * in the value's place; a time that is not known is undefined.
   */
  async read(keys) {
    if (this.#isCluster && keys.length > 1) return Promise.all(keys.map(async (key) => (await this.#readBatch([key]))[0]));
    if (keys.length <= BATCH) return this.#readBatch(keys);
    const batches = [];
    for (let at = 0; at < keys.length; at += BATCH) batches.push(this.#readBatch(keys.slice(at, at + BATCH)));
    return (await Promise.all(batches)).flat();
  }

  async #readBatch(keys) {
    let pipeline = this.#pipeline();
    // a mocked one that fails
    if (has(pipeline, 'then')) pipeline = await pipeline;
    const pttl = this.#pttl(pipeline);
    if (!has(pipeline, 'get') || pttl === undefined || !has(pipeline, 'exec')) return Promise.all(keys.map((key) => this.#readAlone(key)));
    for (const key of keys) {
      pipeline.get(key);
      pipeline[pttl](key);
    }
    let replies;
    try {
      replies = await (has(pipeline, 'execAsPipeline') ? pipeline.execAsPipeline() : pipeline.exec());
    } catch (error) {
      // node-redis fails as a whole when one of the commands did
      if (!isAnswer(error) && !Array.isArray(error?.replies)) throw error;
      if (keys.length > 1) return (await Promise.all(keys.map((key) => this.#readBatch([key])))).flat();
      return [[OTHER_TYPE, undefined]];
    }
    if (!Array.isArray(replies)) throw new Error('the client gave no replies to a pipeline');
    return Promise.all(keys.map((key, at) => this.#whole(key, unpack(replies[2 * at]) ?? null, unpack(replies[2 * at + 1]))));
  }

  async #readAlone(key) {
    const [value] = await this.readValue(key);
    const pttl = this.#pttl(this.#client);
    return [value, value === null || pttl === undefined ? undefined : await this.#client[pttl](key)];
  }
  /** As `read` of one key, by GET alone: where nothing holds the value its time is nobody's. */
  async readValue(key) {
    let value;
    try {
      value = await this.#client.get(key);
    } catch (error) {
      value = unpack([error]);
    }
    return value === null || value === undefined ? [null, undefined] : this.#whole(key, value, undefined);
  }

  /** Milliseconds that a key has left: -1 no end, -2 no such key; undefined where nobody says. */
  async timeLeft(key) {
    const client = this.#client;
    const pttl = this.#pttl(client);
    const ms = pttl === undefined ? undefined : await client[pttl](key);
    // mocks often know seconds only
    if (typeof ms === 'number' || !has(client, 'ttl')) return ms;
    const seconds = await client.ttl(key);
    return typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : seconds;
  }

  /** Another instance may have written raw bytes: those are asked for as bytes. */
  async #whole(key, value, msLeft) {
    if (typeof value !== 'string' || !RAW.test(value)) return [value, msLeft];
    const client = this.#client;
    if (has(client, 'getBuffer')) return [await client.getBuffer(key), msLeft];
    if (has(client, 'withTypeMapping')) return [await client.withTypeMapping({ [BLOB_STRING]: Buffer }).get(key), msLeft];
    return [value, msLeft];
  }

  #pipeline() {
    const client = this.#client;
    if (has(client, 'pipeline')) return client.pipeline();
    return has(client, 'multi') ? client.multi() : undefined;
  }
  #pttl(on) {
    return ['pttl', 'pTTL'].find((name) => has(on, name));
  }

  /** Stores text for so many milliseconds (Infinity: for good); resolves with whether the server took it. */
  async set(key, text, ms, onlyAbsent) {
    const args = [];
    if (this.#isNode) {
      const options = ms === Infinity ? {} : ms % 1000 ? { PX: ms } : { EX: ms / 1000 };
      if (onlyAbsent) options.NX = true;
      if (ms !== Infinity || onlyAbsent) args.push(options);
    } else {
      if (ms !== Infinity) args.push(...(ms % 1000 ? ['PX', ms] : ['EX', ms / 1000]));
      if (onlyAbsent) args.push('NX');
    }
    return (await this.#client.set(key, text, ...args)) !== false;
  }

  /** Stores text for so many milliseconds where nothing is; whether it did. */
  async claim(key, text, ms) {
    const said = await (this.#isNode ? this.#client.set(key, text, { PX: ms, NX: true }) : this.#client.set(key, text, 'PX', ms, 'NX'));
    return said !== null && said !== false;
  }

  /** Deletes exact keys; how many there were. */
  del(keys) {
    return this.#remove('del', keys);
  }
  /** The same without holding up the server, where it knows how. */
  unlink(keys) {
    return this.#remove(has(this.#client, 'unlink') ? 'unlink' : 'del', keys);
  }
  async #remove(command, keys) {
    const client = this.#client;
    // keys of a cluster lie in different slots
    const size = this.#isCluster ? 1 : BATCH;
    const batches = [];
    for (let at = 0; at < keys.length; at += size) batches.push(keys.slice(at, at + size));
    const removed = (batch) => (batch.length === 1 ? client[command](batch[0]) : this.#isNode ? client[command](batch) : client[command](...batch));
    const counts = await Promise.all(batches.map(removed));
    return counts.reduce((sum, count) => sum + (Number(count) || 0), 0);
  }

  /** Steps through the keys that begin so and match a pattern of the server's, on every master: arrays of keys. */
  scan(pattern) {
    return this.#scan.pages(pattern);
  }

  async eval(script, keys, args) {
    const texts = args.map(String);
    return this.#isNode ? this.#client.eval(script, { keys, arguments: texts }) : this.#client.eval(script, keys.length, ...keys, ...texts);
  }

  async publish(channel, message) {
    return this.#client.publish(channel, message);
  }

  /** Whether it answers at all, by the cheapest command that it has. */
  async probe(key) {
    return has(this.#client, 'ping') ? this.#client.ping() : this.#client.get(key);
  }

  /** The server's milliseconds since 1970; undefined where it is not told. */
  async time() {
    if (!has(this.#client, 'time')) return undefined;
    const said = await this.#client.time();
    if (Array.isArray(said)) return Number(said[0]) * 1000 + Math.floor(Number(said[1]) / 1000);
    const ms = Number(said);
    return Number.isFinite(ms) ? ms : undefined;
  }
}

module.exports = { ClientCommands, isAnswer };
