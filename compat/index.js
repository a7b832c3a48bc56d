'use strict';
// The drop-ins. Names are listed one by one so that they work as ESM named imports; each has a subpath of its own too.

module.exports = {
};
