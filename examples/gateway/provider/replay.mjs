// Recorded streams: `REPLAY_DIR/<format>/<name>.sse`. A model of that name asks for that file, any other for the next one.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The recordings of a folder: `find(format, model)` gives the bytes of one, null where the format has none. */
export function recordings(dir) {
  const byFormat = new Map();
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const files = readdirSync(join(dir, entry.name))
      .filter((file) => file.endsWith('.sse'))
      .sort();
    if (files.length > 0) byFormat.set(entry.name, { files: files.map((file) => file.slice(0, -4)), next: 0 });
  }
  return {
    formats: [...byFormat.keys()],
    names: (format) => byFormat.get(format)?.files ?? [],
    find(format, model) {
      const known = byFormat.get(format);
      if (known === undefined) return null;
      const name = known.files.includes(model) ? model : known.files[known.next++ % known.files.length];
      return readFileSync(join(dir, format, `${name}.sse`));
    },
  };
}

/** The events of a recording, each with its blank line; joined again they are the same bytes. */
export const eventsOf = (bytes) =>
  bytes
    .toString('latin1')
    .split(/(?<=\n\n)/)
    .map((event) => Buffer.from(event, 'latin1'));
