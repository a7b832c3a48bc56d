'use strict';
// How long a claim lives that nobody renews: LEASE_MS in crates/core/src/batch/claim.rs. Tests set it shorter, here.
module.exports = { leaseMs: 10_000 };
