'use strict';
// One script, run for many keys at once through a client that the application has: by its hash where the client can, so
// that a request is a few bytes; its text goes to servers that do not know it yet.
const { createHash } = require('node:crypto');

const has = (object, name) => typeof object?.[name] === 'function';
const isUnknown = (error) => /^NOSCRIPT\b/.test(error?.message);
/** So many go with the text before the rest is tried by hash again: one of them is likely for each master of a cluster. */
const WITH_TEXT = 8;

class ClientScript {
  #client;
  #text;
  #hash;
  /** node-redis takes keys and arguments as one object. */
  #takesObject;
  #byHash;
  #byPipeline;

  /** `isNode`, `isCluster`: as `ClientCommands` tells clients apart. */
  constructor(client, text, { isNode, isCluster }) {
    this.#client = client;
    this.#text = text;
    this.#hash = createHash('sha1').update(text).digest('hex');
    this.#takesObject = isNode;
    this.#byHash = has(client, isNode ? 'evalSha' : 'evalsha');
    // several commands of ioredis are one write only as a pipeline; a cluster's pipeline goes to one node
    this.#byPipeline = !isNode && !isCluster && has(client, 'pipeline');
  }

  /** Runs it for each `[key, args]`; resolves with `[error, value]` of each, in their order, and never rejects. */
  async run(calls) {
    const replies = new Array(calls.length);
    const places = calls.map((_, at) => at);
    const unknown = this.#byHash ? await this.#round(calls, places, replies, true) : places;
    if (unknown.length === 0) return replies;
    await this.#round(calls, unknown.slice(0, WITH_TEXT), replies, false);
    const rest = unknown.slice(WITH_TEXT);
    const left = rest.length > 0 && this.#byHash ? await this.#round(calls, rest, replies, true) : rest;
    await this.#round(calls, left, replies, false);
    return replies;
  }

  /** Sends the calls of those places; which of them met a server that does not know the hash. */
  async #round(calls, places, replies, byHash) {
    if (places.length === 0) return [];
    const said = await this.#send(places.map((at) => calls[at]), byHash);
    places.forEach((place, at) => {
      replies[place] = said[at];
    });
    return byHash ? places.filter((place) => isUnknown(replies[place][0])) : [];
  }

  async #send(calls, byHash) {
    const pipeline = this.#byPipeline && calls.length > 1 ? this.#client.pipeline() : undefined;
    // a mock's pipeline may lack one of them
    if (!has(pipeline, 'eval') || !has(pipeline, 'evalsha')) return Promise.all(calls.map(([key, args]) => this.#sendOne(key, args, byHash)));
    for (const [key, args] of calls) {
      if (byHash) pipeline.evalsha(this.#hash, 1, key, ...args);
      else pipeline.eval(this.#text, 1, key, ...args);
    }
    try {
      return await pipeline.exec();
    } catch (error) {
      return calls.map(() => [error]);
    }
  }

  async #sendOne(key, args, byHash) {
    const client = this.#client;
    const what = byHash ? this.#hash : this.#text;
    try {
      if (!this.#takesObject) return [null, await (byHash ? client.evalsha(what, 1, key, ...args) : client.eval(what, 1, key, ...args))];
      const given = { keys: [key], arguments: args };
      return [null, await (byHash ? client.evalSha(what, given) : client.eval(what, given))];
    } catch (error) {
      return [error];
    }
  }
}

module.exports = { ClientScript };
