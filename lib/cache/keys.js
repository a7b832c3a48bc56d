'use strict';
// Keys: which strings are keys, which are globs, and keys built from parts.
const { make } = require('../errors');
const { wrongType } = require('../options');

const refused = (detail) => make('Value', { what: 'the key', detail });

/** Throws ERR_VALUE for what is no key. Any other string is one, the empty one too. */
function checkKey(key) {
  if (typeof key !== 'string') throw refused(`it must be a string; got ${key === null ? 'null' : typeof key}`);
  if (key.charCodeAt(0) === 1) throw refused('it starts with U+0001, which marks what sluice keeps for itself in Redis');
  if (!key.isWellFormed()) throw refused('it holds a lone surrogate, which UTF-8 cannot say');
  return key;
}

/** A copy of the keys that were given, each of them checked: the caller may change its array meanwhile. */
function checkKeys(keys) {
  if (keys === null || typeof keys !== 'object' || !Number.isInteger(keys.length)) throw wrongType('keys', 'an array of strings', keys);
  return Array.from(keys, checkKey);
}

/** What goes before keys of ours. */
function checkPrefix(prefix) {
  if (prefix !== '') checkKey(prefix);
  return prefix;
}

const isGlob = (text) => /[*?[]/.test(text);
/** A glob that matches exactly that text. */
const literally = (text) => text.replace(/[*?[\]\\]/g, '\\$&');

// what would read as a glob, a separator or a control character
const UNSAFE = /[%:*?[\]\\\u0000-\u001f\u007f-\u009f]/g;
const percent = (char) => {
  const code = char.charCodeAt(0);
  return code < 0x80 ? `%${code.toString(16).toUpperCase().padStart(2, '0')}` : encodeURIComponent(char);
};
function part(value, name) {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
  if (!value.isWellFormed()) throw refused(`${name} holds a lone surrogate`);
  return value.replace(UNSAFE, percent);
}

/** `namespace:entity:id:extra`, each part percent-encoded where it must be. */
function cacheKey(namespace, entity, id, extra) {
  let key = `${part(namespace, 'namespace')}:${part(entity, 'entity')}`;
  const [hasId, hasExtra] = [id !== undefined && id !== null, extra !== undefined && extra !== null];
  if (hasId || hasExtra) key += `:${hasId ? part(id, 'id') : ''}`;
  return hasExtra ? `${key}:${part(extra, 'extra')}` : key;
}

module.exports = { checkKey, checkKeys, checkPrefix, isGlob, literally, cacheKey };
