// Amazon's event-stream framing: lengths, CRC-32, headers, payload.

const table = new Uint32Array(256).map((_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ table[(value ^ byte) & 0xff];
  return ~value >>> 0;
}

/** One message: headers are strings, the payload is JSON. */
export function frame(headers, payload) {
  const parts = [];
  for (const [name, value] of Object.entries(headers)) {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(Buffer.byteLength(value));
    parts.push(Buffer.from([Buffer.byteLength(name)]), Buffer.from(name), Buffer.from([7]), length, Buffer.from(value));
  }
  const head = Buffer.concat(parts);
  const body = Buffer.from(JSON.stringify(payload));
  const message = Buffer.alloc(16 + head.length + body.length);
  message.writeUInt32BE(message.length, 0);
  message.writeUInt32BE(head.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  head.copy(message, 12);
  body.copy(message, 12 + head.length);
  message.writeUInt32BE(crc32(message.subarray(0, message.length - 4)), message.length - 4);
  return message;
}
export const event = (type, payload) =>
  frame({ ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' }, payload);
export const exception = (type, message) =>
  frame({ ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' }, { message });
