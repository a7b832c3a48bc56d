'use strict';
// What a host of `hosts.js` writes down: limiter, key, weight (an event: -1 - its place in EVENTS), not before, not after.
module.exports = { EVENTS: ['degraded', 'recovered'], FIELDS: 5 };
