'use strict';
// How Redis is said in options: a URL, an object of options, or a client that the application has.
const options = require('./options');
const { read, nested, wrongType, outOfRange } = options;

/** A client is told by what it does. */
const isClient = (value) =>
  value !== null && (typeof value === 'object' || typeof value === 'function') &&
  typeof value.get === 'function' && typeof value.set === 'function' && typeof value.del === 'function';

const pem = (value, option) => {
  if (value === undefined || typeof value === 'string') return value;
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
  throw wrongType(option, 'PEM text or a Buffer of it', value);
};
const orFalse = (check) => (value, option) => (value === false ? false : check(value, option));

const URL_LIKE = /^(rediss?|valkeys?|unix|redis\+unix):\/\/./;
const URL_RANGE = 'a URL as redis://host:port or rediss://host:port';
const url = (value, option) => {
  if (value === undefined) return undefined;
  const list = Array.isArray(value) ? value : [value];
  if (list.some((one) => typeof one !== 'string')) throw wrongType(option, `${URL_RANGE}, or an array of those`, value);
  if (list.length === 0 || !list.every((one) => URL_LIKE.test(one))) throw outOfRange(option, `${URL_RANGE}, or an array of those`, value);
  return [...list];
};
const prefix = (value, option) => {
  if (value === undefined) return undefined;
  const range = 'a string without lone surrogates that does not start with U+0001';
  if (typeof value !== 'string') throw wrongType(option, range, value);
  if (!value.isWellFormed() || value.charCodeAt(0) === 1) throw outOfRange(option, range, value);
  return value;
};
const client = (value, option) => {
  if (value !== undefined && !isClient(value)) throw wrongType(option, 'a Redis client with get, set and del', value);
  return value;
};

/** `compress` of Redis and disk: false, or the size from which values are compressed. */
const compress = (value, option) =>
  (value === undefined || value === false ? false : read({ minBytes: options.bytes(1024, 2 ** 30) }, value, option, `${option}.`));

const TLS = { ca: pem, cert: pem, key: pem, servername: options.text(), rejectUnauthorized: options.boolean(true) };
const tls = (value, option) => {
  if (value === undefined || value === false) return undefined;
  if (value !== true && (value === null || typeof value !== 'object')) throw wrongType(option, 'a boolean or an object of options', value);
  return read(TLS, value === true ? {} : value, option, `${option}.`);
};

/** What every engine takes of Redis; a cache adds its own. */
const COMMON = {
  url,
  sentinel: nested({ masterName: options.text(), nodes: options.texts(), password: options.string() }, false),
  client,
  username: options.string(),
  password: options.string(),
  db: options.integer(0, 2 ** 31 - 1),
  tls,
  keyPrefix: prefix,
  connectTimeoutMs: options.milliseconds(1),
  commandTimeoutMs: options.milliseconds(1, 250),
  breaker: orFalse(nested({ failures: options.integer(1, 1_000_000, 5), probeMs: options.milliseconds(1, 1000) })),
  format: options.oneOf(['tagged', 'plain']),
};
// what says nothing of a connection that the application made
const OWN_ONLY = ['username', 'password', 'db', 'tls', 'connectTimeoutMs'];

/** The Redis option, checked: `{ client }` or `{ urls, sentinel }` and settings; undefined for no Redis. */
function readRedis(value, option, own = {}) {
  if (value === undefined || value === false) return undefined;
  const given = typeof value === 'string' ? { url: value } : isClient(value) ? { client: value } : value;
  if (given === null || typeof given !== 'object') throw wrongType(option, 'a URL, an object of options or a client', value);
  const out = read({ ...COMMON, ...own }, given, option, `${option}.`);
  const ways = ['url', 'sentinel', 'client'].filter((way) => out[way] !== undefined);
  if (ways.length !== 1) throw outOfRange(option, 'given by exactly one of url, sentinel and client', ways.length ? ways.join(' and ') : 'none');
  if (out.sentinel && !(out.sentinel.masterName && out.sentinel.nodes?.length)) {
    throw outOfRange(`${option}.sentinel`, 'an object with masterName and at least one of nodes', given.sentinel);
  }
  const injected = out.client !== undefined;
  if (injected) {
    const idle = OWN_ONLY.find((name) => out[name] !== undefined);
    if (idle) throw outOfRange(`${option}.${idle}`, 'left out with a client, which has its own', given[idle]);
  }
  const { url: urls, ...rest } = out;
  return {
    ...rest,
    urls: urls ?? [],
    keyPrefix: out.keyPrefix ?? (injected ? '' : 'sluice:'),
    connectTimeoutMs: out.connectTimeoutMs ?? 5000,
    format: out.format ?? (injected ? 'plain' : 'tagged'),
  };
}

module.exports = { readRedis, isClient, compress };
