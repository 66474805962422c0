// What was recorded, as a file: JSON, and pcapng (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html) of the bytes in
// TCP packets made up for them, which Wireshark opens as WebSocket. The times are those of the rows, counted from now.

import { fromHex } from './rules.js';

/** Hands a file to the browser. */
export function download(name, type, content) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const words = (...values) => new Uint8Array(Uint32Array.from(values).buffer);
const join = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));

/** A block: type, length, body padded to four bytes, length. Little-endian, as the magic number says. */
function block(type, body) {
  const padding = new Uint8Array(-body.length & 3);
  const length = 12 + body.length + padding.length;
  return [words(type, length), body, padding, words(length)];
}

/** One TCP segment over IPv4 between two made-up hosts. `from` is 0 for the client. */
function packet(from, port, sequence, acknowledged, flags, data) {
  const bytes = new Uint8Array(40 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x4500);
  view.setUint16(2, bytes.length);
  view.setUint16(6, 0x4000);
  view.setUint16(8, 0x4006);
  bytes.set([10, 0, 0, 1 + from], 12);
  bytes.set([10, 0, 0, 2 - from], 16);
  view.setUint16(20, from === 0 ? port : 80);
  view.setUint16(22, from === 0 ? 80 : port);
  view.setUint32(24, sequence);
  view.setUint32(28, acknowledged);
  view.setUint16(32, 0x5000 | flags);
  view.setUint16(34, 0xffff);
  bytes.set(data, 40);
  return bytes;
}

/** The events as a pcapng file. A frame that was kept in part is a packet that was captured in part. */
export function pcapng(events) {
  const parts = [
    ...block(0x0a0d0d0a, join(words(0x1a2b3c4d), [1, 0, 0, 0], words(0xffffffff, 0xffffffff))),
    // Raw IP, without a limit of the length; if_tsresol: microseconds is the default.
    ...block(1, words(101, 0)),
  ];
  const base = Date.now() * 1000;
  const connections = new Map();
  const write = (state, from, at, flags, data, original = data.length) => {
    const bytes = packet(from, state.port, state.next[from], flags === 2 ? 0 : state.next[1 - from], flags, data);
    const time = base + Math.round(at * 1000);
    const head = words(0, Math.floor(time / 2 ** 32), time >>> 0, bytes.length, bytes.length + original - data.length);
    parts.push(...block(6, join(head, bytes)));
    state.next[from] = (state.next[from] + original + (flags & 3 ? 1 : 0)) >>> 0;
  };
  for (const event of events) {
    if (event.connection === undefined) continue;
    let state = connections.get(event.connection);
    if (!state) {
      state = { port: 40000 + (event.connection % 20000), next: [1000, 2000] };
      connections.set(event.connection, state);
      // The three packets that open a TCP connection.
      write(state, 0, event.at, 0x02, []);
      write(state, 1, event.at, 0x12, []);
      write(state, 0, event.at, 0x10, []);
    }
    const from = event.side === 'server' ? 1 : 0;
    if (event.event === 'head') write(state, from, event.at, 0x18, fromHex(event.wire));
    if (event.event === 'frame') {
      const data = fromHex(event.header + event.wire);
      write(state, from, event.at, 0x18, data, event.header.length / 2 + event.received);
    }
    if (event.event === 'end') write(state, from, event.at, 0x11, []);
  }
  return new Blob(parts);
}
