'use strict';
// What concerns more than a few keys of an injected client: patterns, prefixes, tags, listings, and what was missed.
// Each step is a call of its own, with its own deadline.
const native = require('../native');

const BATCH = 256;
/** Keys that are gathered before they are unlinked: mocks lose their place when keys go while they are scanned. */
const GATHERED = 50_000;
/** Keys that are kept for ourselves begin so, behind the prefix. */
const OURS = '\u0001';

const [, , TAG] = native.clientScripts();
const MEMBERS = `return redis.call('SRANDMEMBER', KEYS[1], ARGV[1])`;
const LEAVE = `return redis.call('SREM', KEYS[1], unpack(ARGV))`;

class ClientSweep {
  #commands;
  #prefix;
  #owe;

  /** `owe(keys)`: these have to go once the client answers again. */
  constructor(commands, prefix, owe) {
    this.#commands = commands;
    this.#prefix = prefix;
    this.#owe = owe;
  }

  /** Deletes what a change names, but for keys that `keeps` is true of when they are to go; how many keys. `gone` hears of those that are. */
  async remove(what, run, gone = () => {}, keeps = () => false) {
    const [kind, text] = [what[0], what.slice(1)];
    if (kind === 't') return this.#removeTag(text, run, gone, keeps);
    const glob = kind === 'p' ? native.globOfPrefix(text) : text;
    let removed = 0;
    const gathered = new Set();
    const unlink = async () => {
      const keys = [...gathered];
      for (let at = 0; at < keys.length; at += BATCH) removed += await this.#unlink(keys.slice(at, at + BATCH), run, keeps);
      gone(keys);
      gathered.clear();
    };
    for await (const keys of this.#matching(glob, run, what === 'p')) {
      for (const key of keys) gathered.add(key);
      if (gathered.size >= GATHERED) await unlink();
    }
    await unlink();
    return removed;
  }

  /** Deletes keys, but for those that are kept; how many. */
  async #unlink(keys, run, keeps, command = 'unlink') {
    const full = keys.filter((key) => !keeps(key)).map((key) => this.#prefix + key);
    return full.length === 0 ? 0 : run(() => this.#commands[command](full));
  }

  /** Keys (without prefix) that begin so, at most `limit`. */
  async keys(prefix, limit, run) {
    const found = new Set();
    for await (const keys of this.#matching(native.globOfPrefix(prefix), run, false)) {
      for (const key of keys) if (found.size < limit) found.add(key);
      if (found.size >= limit) break;
    }
    return [...found];
  }

  /** Pages of the keys that a glob matches; `all` takes in those that are ours. */
  async *#matching(glob, run, all) {
    const prefix = this.#prefix;
    const literal = native.globOfPrefix(prefix).slice(0, -1);
    const pages = this.#commands.scan(native.globForScan(literal + glob));
    for (;;) {
      // masters are looked up by the first step
      const { value: step, done } = await run(() => pages.next());
      if (done) return;
      const page = await run(step);
      const keys = page.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
      const ours = all ? keys : keys.filter((key) => !key.startsWith(OURS));
      if (ours.length > 0) yield native.globMatches(glob, ours).map((at) => ours[at]);
    }
  }

  #tagKey(tag) {
    return `${this.#prefix}${OURS}t:${tag}`;
  }
  /** Notes that a key carries tags, for as long as it lives. */
  async tag(key, tags, ms) {
    const left = ms === Infinity ? -1 : ms;
    // where keys lie on several nodes, a script sees those of one
    const values = this.#commands.isCluster ? '' : this.#commands.ownPrefix + this.#prefix;
    await Promise.all(tags.map((tag) => this.#commands.eval(TAG, [this.#tagKey(tag)], [left, key, values])));
    return true;
  }
  /** A write adds its key to the tag after the value; here it leaves the tag first: no value is left that its tag forgot. */
  async #removeTag(tag, run, gone, keeps) {
    const index = this.#tagKey(tag);
    let removed = 0;
    for (;;) {
      const keys = await run(() => this.#commands.eval(MEMBERS, [index], [BATCH]));
      if (!Array.isArray(keys) || keys.length === 0) return removed;
      await run(() => this.#commands.eval(LEAVE, [index], keys));
      try {
        removed += await this.#unlink(keys, run, keeps);
      } catch (error) {
        this.#owe(keys);
        throw error;
      }
      gone(keys);
    }
  }

  /** Tells the client what it missed; what was written since stays. */
  async catchUp(owed, run, writes) {
    const keys = owed.filter((what) => what[0] === 'k').map((what) => what.slice(1));
    const isNewer = (key) => writes.isNewer(key);
    for (let at = 0; at < keys.length; at += BATCH) await this.#unlink(keys.slice(at, at + BATCH), run, isNewer, 'del');
    for (const what of owed) {
      if (what[0] === 'k') continue;
      // without a prefix of its own the database holds what is not the cache's
      if (what === 'p' && this.#prefix === '') continue;
      await this.remove(what, run, undefined, (key) => writes.isNewer(key, true));
    }
  }
}

module.exports = { ClientSweep };
