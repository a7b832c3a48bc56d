'use strict';

/** CRC-32 (IEEE), bit by bit: slow and plain. */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function encodeHeaders(headers) {
  return Buffer.concat(
    Object.entries(headers).map(([name, value]) => {
      const nameBytes = Buffer.from(name);
      const valueBytes = Buffer.from(value);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(valueBytes.length);
      return Buffer.concat([Buffer.of(nameBytes.length), nameBytes, Buffer.of(7), length, valueBytes]);
    }),
  );
}

/** One message of the AWS event stream: prelude, its CRC, string headers, payload, CRC of all. */
function encodeFrame(headers, payload) {
  const headerBytes = encodeHeaders(headers);
  const payloadBytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
  const frame = Buffer.alloc(12 + headerBytes.length + payloadBytes.length + 4);
  frame.writeUInt32BE(frame.length, 0);
  frame.writeUInt32BE(headerBytes.length, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  headerBytes.copy(frame, 12);
  payloadBytes.copy(frame, 12 + headerBytes.length);
  frame.writeUInt32BE(crc32(frame.subarray(0, -4)), frame.length - 4);
  return frame;
}

/** An event frame with a JSON payload. */
const eventFrame = (type, payload) =>
  encodeFrame(
    { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' },
    JSON.stringify(payload),
  );

/** An exception frame. */
const exceptionFrame = (type, payload) =>
  encodeFrame(
    { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' },
    JSON.stringify(payload),
  );

const FIXED_SIZES = { 0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16 };

function decodeHeaders(bytes) {
  const headers = {};
  let at = 0;
  while (at < bytes.length) {
    const nameEnd = at + 1 + bytes[at];
    const name = bytes.toString('utf8', at + 1, nameEnd);
    const type = bytes[nameEnd];
    at = nameEnd + 1;
    if (type === 6 || type === 7) {
      const end = at + 2 + bytes.readUInt16BE(at);
      headers[name] = bytes.toString(type === 7 ? 'utf8' : 'hex', at + 2, end);
      at = end;
    } else {
      headers[name] = type === 0 ? true : type === 1 ? false : bytes.toString('hex', at, at + FIXED_SIZES[type]);
      at += FIXED_SIZES[type];
    }
  }
  return headers;
}

/** All whole frames; `rest` counts the bytes of one that was cut. A wrong CRC throws. */
function decodeFrames(bytes) {
  const all = Buffer.from(bytes);
  const frames = [];
  let at = 0;
  while (all.length - at >= 12) {
    const length = all.readUInt32BE(at);
    const headerLength = all.readUInt32BE(at + 4);
    if (crc32(all.subarray(at, at + 8)) !== all.readUInt32BE(at + 8)) {
      throw new Error(`wrong prelude CRC at ${at}`);
    }
    if (all.length - at < length) {
      break;
    }
    if (crc32(all.subarray(at, at + length - 4)) !== all.readUInt32BE(at + length - 4)) {
      throw new Error(`wrong message CRC at ${at}`);
    }
    frames.push({
      headers: decodeHeaders(all.subarray(at + 12, at + 12 + headerLength)),
      payload: all.subarray(at + 12 + headerLength, at + length - 4),
    });
    at += length;
  }
  return { frames, rest: all.length - at };
}

module.exports = { crc32, encodeFrame, eventFrame, exceptionFrame, decodeFrames };
