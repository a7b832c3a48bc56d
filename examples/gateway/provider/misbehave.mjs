// How the offline provider fails, as the model's name asks: `offline-status-429`, `offline-error`, `offline-cut`.
//
//   status-N       answers with that status before the first byte
//   hangup         closes the connection before the first byte
//   silent         never answers
//   error          sends an error event
//   truncate       ends the answer early between two events, as if it were whole
//   truncateinside ends it inside an event
//   cut            closes the connection between two events
//   cutinside      closes it inside an event
//   stall          stops sending and keeps the connection
//
// The last six do so in mid-stream; with `first`, before the first event. `pace-N` sends N tokens a second.

const plain = ['hangup', 'silent', 'error', 'truncate', 'truncateinside', 'cut', 'cutinside', 'stall'];

/** What a model's name asks for: `{ status, pace, first, fault }`. */
export function asked(model) {
  const words = String(model).split('-');
  const after = (word) => (words.includes(word) ? Number(words[words.indexOf(word) + 1]) || undefined : undefined);
  return {
    status: after('status'),
    pace: after('pace'),
    first: words.includes('first'),
    fault: plain.find((word) => words.includes(word)),
  };
}

/** Sends `frames` with their fault. `send` resolves when there is room; `res` is the response. */
export async function play(res, frames, { fault, first, errorFrame }, send) {
  const stopAt = fault === undefined ? frames.length : first ? 0 : Math.floor(frames.length / 2);
  for (let at = 0; at < stopAt; at += 1) {
    if (!(await send(frames[at]))) return;
  }
  if (fault === undefined) return void res.end();
  const inside = () => {
    const next = Buffer.from(frames[stopAt]);
    return next.subarray(0, Math.ceil(next.length / 2));
  };
  if (fault === 'error') return void res.end(errorFrame);
  if (fault === 'truncate') return void res.end();
  if (fault === 'truncateinside') return void res.end(inside());
  if (fault === 'cut' || fault === 'cutinside') {
    // The bytes must have left before the connection goes, or the client would never see them.
    if (fault === 'cutinside') await send(inside());
    else res.flushHeaders();
    setTimeout(() => res.destroy(), 20);
  } else {
    res.flushHeaders();
  }
}
