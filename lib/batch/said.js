'use strict';
/** What Redis said of a key; as in src/batch/claims.rs. */
const SAID = { NOTHING_YET: -1, OURS: 0, DONE: 1, BUSY: 2, AWAY: 3 };

module.exports = { SAID };
