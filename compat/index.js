'use strict';
// The drop-ins. Names are listed one by one so that they work as ESM named imports; each has a subpath of its own too.
const { CacheService } = require('./cache-service');
const { LocalCache } = require('./local-cache');

module.exports = {
  CacheService,
  LocalCache,
};
