//! Texts to start from: each has the shapes that its parser tells apart. Where a target reads its first byte as a
//! choice, that byte leads.

/// Server-sent events, with every field, line end and comment.
pub const SSE: &[&[u8]] = &[
    b"\x03data: one\n\ndata: two\ndata: more\n\n",
    b"\x07\xef\xbb\xbfevent: named\r\nid: 7\r\nretry: 250\r\ndata: x\r\n\r\n: comment\r\rdata\r\r",
    "\x05event:a\ndata:\u{e9}\u{1f600}\n\nid\nid:\0\ndata: last".as_bytes(),
];

/// Lines of JSON.
pub const NDJSON: &[&[u8]] =
    &[b"\x04{\"a\":1}\n{\"b\":[1,2]}\r\n\n{\"c\":\"\\u00e9\"}", b"\x02{\"done\":true}\n{\"cut\":"];

/// Amazon's frames: an empty one, and one of a header and a payload, with their checksums.
pub const AWS: &[&[u8]] = &[
    b"\x06\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff",
    b"\x02\x00\x00\x00\x3d\x00\x00\x00\x20\x07\xfd\x83\x96\x0ccontent-type\x07\x00\x10application/json{'foo':'bar'}\x8d\x9c\x08\xb1",
];

/// JSON of every shape.
pub const JSON: &[&[u8]] = &[
    br#"{"a":1,"b":[true,false,null,{"c":"d"}],"e":-1.5e+10}"#,
    br#"{"model":"m","messages":[{"role":"user","content":"\u00e9\ud83d\ude00\n\"\\"}],"__proto__":{"x":1}}"#,
    br#"[[[[[]]]],{"a":{"a":{"a":{}}}}, 0, -0, 1E400, "", "\ud800"]"#,
    "{\"k\u{e9}y\": \"\u{4e2d}\u{6587}\", \"constructor\": {\"prototype\": 1}, \"k\u{e9}y\": 2}".as_bytes(),
];

/// A few events of each provider, behind the choice of formats; the target mends the checksums of Amazon's.
pub const MACHINE: &[&[u8]] = &[
    b"\x10data: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n",
    b"\x02event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"x\",\"usage\":{\"input_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    b"\x0bdata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"},{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}}}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1}}\n\n",
    b"\x04{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"done\":false}\n{\"done\":true,\"done_reason\":\"stop\",\"eval_count\":2}\n",
    b"\x01event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"model\":\"m\"}}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"hi\"}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n",
    b"\x05\x00\x00\x00?\x00\x00\x00\x1b\x00\x00\x00\x00\x0b:event-type\x07\x00\x0cmessageStart{\"role\":\"assistant\"}\x00\x00\x00\x00\x00\x00\x00x\x00\x00\x00 \x00\x00\x00\x00\x0b:event-type\x07\x00\x11contentBlockStart{\"contentBlockIndex\":0,\"start\":{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\"}}}\x00\x00\x00\x00\x00\x00\x00j\x00\x00\x00 \x00\x00\x00\x00\x0b:event-type\x07\x00\x11contentBlockDelta{\"contentBlockIndex\":0,\"delta\":{\"toolUse\":{\"input\":\"{}\"}}}\x00\x00\x00\x00\x00\x00\x00F\x00\x00\x00\x1f\x00\x00\x00\x00\x0b:event-type\x07\x00\x10contentBlockStop{\"contentBlockIndex\":0}\x00\x00\x00\x00\x00\x00\x00C\x00\x00\x00\x1a\x00\x00\x00\x00\x0b:event-type\x07\x00\x0bmessageStop{\"stopReason\":\"tool_use\"}\x00\x00\x00\x00\x00\x00\x00c\x00\x00\x00\x17\x00\x00\x00\x00\x0b:event-type\x07\x00\x08metadata{\"usage\":{\"inputTokens\":1,\"outputTokens\":2,\"totalTokens\":3}}\x00\x00\x00\x00",
    b"\x16\x00\x00\x00E\x00\x00\x00%\x00\x00\x00\x00\x0b:event-type\x07\x00\x16assistantResponseEvent{\"content\":\"Hi\"}\x00\x00\x00\x00\x00\x00\x00`\x00\x00\x00\x1b\x00\x00\x00\x00\x0b:event-type\x07\x00\x0ctoolUseEvent{\"name\":\"f\",\"toolUseId\":\"t\",\"input\":\"{}\",\"stop\":true}\x00\x00\x00\x00",
];

/// Values in either format, and messages.
pub const WIRE: &[&[u8]] = &[
    b"\x021j0000000012345ffffffffffff{\"a\":1}",
    b"\x021B1000000012345000000023456000000090000000",
    b"\x021b100000001234500000002345600000009000000",
    b"\x021t10000000123450000000234560000000900000001atext",
    b"\x01AP8=",
    b"\x01*/w8=",
    b"\"text\"",
    b"[1,2]",
    b"1k2:me1:a3:1:b",
    b"1t0:2:ab",
];

/// Scripts of the batch buffer: options, then steps of two bytes and more.
pub const BATCH: &[&[u8]] = &[
    b"\x00\x02\x64\x00\xff\x09\xa0\x02\x0a\xff\x14\x28\x02\x00\x00\x00\x00\x00\x00\x00\x08\x00\x81\x00\x00\x17\x00\x08\x00\x00\x0b\x00",
    b"\x03\x02\x40\x32\x01\x64\x09\xa0\x02\x0a\xff\x14\x28\x02\x01\x31\x02\x52\x03\x93\x16\x32\x08\x00\xff\x0e\x01\x0f\x00\x13\x00",
    b"\x88\x01\x00\x01\x00\x04\xa0\x01\x05\x64\x0a\x00\x02\x00\x01\x00\x02\x07\x43\x14\xff\x0c\x00\x08\x00\x01\x15\x01\x0d\x02",
    b"\x40\x04\x64\x00\x00\x0a\xa0\x03\x0a\xff\x14\x28\x03\x00\x01\x00\x02\x00\x03\x11\x05\x12\x00\x12\x01\x16\x20\x11\x05\x0b\x00\x12\x02",
];
