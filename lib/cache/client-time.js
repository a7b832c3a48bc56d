'use strict';
// The clock of an injected client's server, which tagged values carry their deadlines in.

/** The offset between the server's clock and ours is looked at that often. */
const TIME_MS = 60_000;

class ClientTime {
  /** The server's milliseconds less ours. */
  offsetMs = 0;
  #since = -Infinity;
  #isAsked = false;
  #commands;
  #calls;

  constructor(commands, calls) {
    this.#commands = commands;
    this.#calls = calls;
  }

  /** Asks for it when it is due; nobody waits. */
  look(now) {
    if (this.#isAsked || this.#calls.elapsedMs() - this.#since < TIME_MS) return;
    this.#isAsked = true;
    this.#calls.run(() => this.#commands.time()).then(
      (server) => {
        this.#isAsked = false;
        this.#since = this.#calls.elapsedMs();
        if (server !== undefined) this.offsetMs = server - now;
      },
      () => {
        this.#isAsked = false;
      },
    );
  }
}

module.exports = { ClientTime };
