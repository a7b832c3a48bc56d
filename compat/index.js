'use strict';
// The drop-ins. Names are listed one by one so that they work as ESM named imports; each has a subpath of its own too.
const { BatchProcessor } = require('./batch-processor');
const { QstashQueue } = require('./qstash-queue');

module.exports = {
  BatchProcessor,
  QstashQueue,
};
