'use strict';
// Everything of TieredCache's contract that holds for all tiers.
module.exports = {
  values: require('./values'),
  times: require('./times'),
  removes: require('./removes'),
  loads: require('./loads'),
};
