'use strict';
// V8's hidden classes die with their last instance, at the next full collection, and with them goes all code that was
// optimized for them. Of what lives for a moment only, one instance is kept for good.
const kept = [];

/** `instance` has the shape of all that come after it; it should hold nothing. */
function keepShape(instance) {
  kept.push(instance);
}

module.exports = { keepShape };
