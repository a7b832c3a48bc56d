'use strict';
// A pipe's heartbeats: comments to a client that has got nothing for so long, between events only.
const { state } = require('./stream');

const COMMENT = Buffer.from(': heartbeat\n\n');

class Heartbeat {
  #everyMs;
  #assembler;
  #client;
  #framing;
  #timer;
  #armedBy;
  #over = false;

  /** `framing()` is that of what the client gets, undefined while nobody knows; with 0 ms there are no heartbeats. */
  constructor(everyMs, assembler, client, framing) {
    this.#everyMs = everyMs;
    this.#assembler = assembler;
    this.#client = client;
    this.#framing = framing;
  }

  /** The next heartbeat is due so long after the last write. */
  arm() {
    if (this.#everyMs === 0) return;
    // a timer made by the function that is there now is put off, which costs less than a new one
    if (this.#armedBy === setTimeout && this.#timer.refresh !== undefined) return void this.#timer.refresh();
    this.disarm();
    this.#armedBy = setTimeout;
    this.#timer = setTimeout(this.#beat, this.#everyMs);
    this.#timer.unref?.();
  }

  disarm() {
    clearTimeout(this.#timer);
    this.#armedBy = undefined;
  }

  /** There is no other, though one is on its way. */
  end() {
    this.#over = true;
    this.disarm();
  }

  /** Between events only; the next one is armed when this one, or else the event, has been written. */
  #beat = () => {
    if (this.#framing() !== 'sse') return;
    if (!state.converts(this.#assembler) && !state.onBoundary(this.#assembler)) return;
    this.#client.beat(COMMENT, this.#framing, () => {
      if (!this.#over) this.arm();
    });
  };
}

module.exports = { Heartbeat };
