//! Framing: cuts a stream's bytes, in any split, into events.
