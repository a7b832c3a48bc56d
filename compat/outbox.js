'use strict';
// A batch buffer whose waiting tasks can be seen and changed as an array, and whose settings may change while it works.
const { BatchBuffer } = require('..');
const { make } = require('../lib/errors');

const nothing = () => {};

class Outbox {
  #owner;
  #buffer;
  #dropped = 0;
  #isClosed = false;
  /** What waits, oldest first; how many of it were there, and which last, when it was last looked at. */
  #list = [];
  #count = 0;
  #last = undefined;
  /** Tasks that the buffer was given, those that it has handed over, and why others are not to be sent. */
  #given = new WeakSet();
  #left = new WeakSet();
  #withdrawn = new WeakMap();

  /**
   * The owner has `settings`, options of a BatchBuffer; `deliver(tasks, context)`, its handler; `keyOf(task)`, the key
   * of one that was put into the list by hand, or undefined; `died(task, { id, key, error, attempts })`;
   * `dropped(task, id)`, for a newer one; `degraded(error)`.
   */
  constructor(owner) {
    this.#owner = owner;
    const buffer = (this.#buffer = new BatchBuffer((tasks, context) => this.#handOver(tasks, context), { ...owner.settings, maxDeadLetters: 0 }));
    buffer.on('deadLetter', ({ id, item, key, error, attempts }) => {
      if (!this.#withdrawn.has(item)) owner.died(item, { id, key, error, attempts });
    });
    buffer.on('dropped', (task) => {
      this.#drop(task);
      owner.dropped(task, `dropped-${(this.#dropped += 1)}`);
    });
    buffer.on('degraded', (part, error) => owner.degraded(error));
  }
  /** Other limits, as `updateConfig` of a BatchBuffer takes them. */
  update(limits) {
    if (!this.#isClosed) this.#buffer.updateConfig(limits);
  }

  get list() {
    return this.#list;
  }
  set list(tasks) {
    if (tasks === this.#list) return;
    this.#list = tasks;
    if (!this.#isClosed) this.#follow();
  }

  /** Takes a task: resolves with its id when it is accepted, or with `{ result, isRepeat }` when it is delivered. */
  bring(task, key, isAwaited) {
    this.look();
    const buffer = this.#buffer;
    const before = key === undefined ? 0 : buffer.getStats().duplicates;
    this.#given.add(task);
    this.#list.push(task);
    this.#note();
    const accepted = isAwaited ? buffer.add(task, { key }) : buffer.enqueue(task, { key });
    if (key !== undefined && buffer.getStats().duplicates > before) this.#drop(task);
    return accepted.then((value) => {
      // what repeats a key is not handed over, wherever the first one was
      if (isAwaited) this.#drop(task);
      if (isAwaited) return { result: value, isRepeat: !this.#left.has(task) };
      if (value.startsWith('key:')) this.#drop(task);
      return value;
    }, (error) => {
      this.#drop(task);
      throw this.#withdrawn.get(task) ?? error;
    });
  }

  /** Looks whether something was done to the list by hand; what keeps its length and its end is seen by `lookWell`. */
  look() {
    if (this.#isTouched && !this.#isClosed) this.#follow();
  }
  lookWell() {
    if (!this.#isClosed && (this.#isTouched || !this.#list.every((task) => this.#waits(task)))) this.#follow();
  }
  /** Whether the buffer has it, for all that is known: one that has left or was taken out may be put back. */
  #waits(task) {
    return this.#given.has(task) && !this.#left.has(task) && !this.#withdrawn.has(task);
  }
  get #isTouched() {
    const list = this.#list;
    return list.length !== this.#count || list[list.length - 1] !== this.#last;
  }
  /** This is how the list is known. */
  #note() {
    this.#count = this.#list.length;
    this.#last = this.#list[this.#count - 1];
  }
  /** What somebody has done to it before is still to be followed. */
  #noteUnless(wasTouched) {
    if (wasTouched) this.#count = -1;
    else this.#note();
  }
  /** Follows what was done to the list by hand. */
  #follow() {
    const list = this.#list;
    const present = new Set(list);
    this.#withdraw((task) => !present.has(task), make('Aborted', { what: 'the message' }));
    const added = [...present].filter((task) => !this.#waits(task));
    for (const task of added) {
      this.#given.add(task);
      this.#left.delete(task);
      this.#withdrawn.delete(task);
    }
    this.#note();
    for (const task of added) {
      this.#buffer.add(task, { key: this.#owner.keyOf(task) }).then((result) => task.resolve?.(result), (error) => {
        this.#drop(task);
        (task.reject ?? nothing)(error);
      });
    }
  }

  /** Takes back what has not left and is chosen; those who wait for it are told that error. */
  #withdraw(isChosen, error) {
    for (const { id, item, attempts } of this.#buffer.pending()) {
      if (attempts > 0 || !isChosen(item)) continue;
      this.#withdrawn.set(item, error);
      this.#buffer.remove(id);
    }
  }
  /** It waits no more. */
  #drop(task) {
    if (this.#left.has(task)) return;
    const at = this.#list.indexOf(task);
    if (at < 0) return;
    const wasTouched = this.#isTouched;
    this.#list.splice(at, 1);
    this.#noteUnless(wasTouched);
  }

  #handOver(tasks, context) {
    if (context.attempt > 1) return this.#owner.deliver(tasks, context);
    const list = this.#list;
    const wasTouched = this.#isTouched;
    const isPrefix = tasks.every((task, at) => list[at] === task);
    for (const task of tasks) this.#left.add(task);
    if (isPrefix) {
      list.splice(0, tasks.length);
      this.#noteUnless(wasTouched);
      return this.#owner.deliver(tasks, context);
    }
    return this.#handOverSome(tasks, context, wasTouched);
  }
  /** The list is not as the buffer has it: what was taken out of it by hand is not sent. */
  #handOverSome(tasks, context, wasTouched) {
    const list = this.#list;
    const present = new Set(list);
    const leaving = new Set(tasks);
    let count = 0;
    for (const task of list) if (!leaving.has(task)) list[count++] = task;
    list.length = count;
    this.#noteUnless(wasTouched);
    // one that was put in another's place is seen by its neighbours that leave
    if (!list.every((task) => this.#waits(task))) this.#follow();
    const wanted = tasks.filter((task) => present.has(task));
    return this.#deliverSome(tasks, wanted, present, context);
  }
  async #deliverSome(tasks, wanted, present, context) {
    const keys = context.keys.filter((_, at) => present.has(tasks[at]));
    const { attempt, reason, group, signal } = context;
    const results = wanted.length === 0 ? [] : await this.#owner.deliver(wanted, { attempt, reason, group, signal, keys });
    let next = 0;
    return tasks.map((task) => {
      if (!present.has(task)) return this.#gone(task);
      next += 1;
      return results?.[next - 1];
    });
  }

  /** An error that is not tried again, for a task that somebody has taken out. */
  #gone(task) {
    const error = Object.assign(make('Aborted', { what: 'the message' }), { status: 400 });
    this.#withdrawn.set(task, error);
    return error;
  }

  /** Drops what waits, and rejects it with that error. How many they were. */
  clear(error) {
    this.lookWell();
    const count = this.#list.length;
    this.#list.length = 0;
    this.#note();
    if (!this.#isClosed) this.#withdraw(() => true, error);
    return count;
  }
  async flush() {
    this.lookWell();
    // what a closed one had is on its way
    await (this.#isClosed ? this.#buffer.close() : this.#buffer.flush());
  }
  async close(options) {
    this.lookWell();
    this.#isClosed = true;
    return this.#buffer.close(options);
  }
  status() {
    this.look();
    return this.#buffer.getBufferStatus();
  }
  stats() {
    return this.#buffer.getStats();
  }
}

module.exports = { Outbox };
