// The chosen frame or head: the figure of RFC 6455 section 5.2, its fields with the rules behind them, the payload masked and
// unmasked, compression, and the closing handshake.

import { element, fromHex, many, opcodeName, printable, rule, spaced } from './rules.js';

/** Number of payload bytes that are shown. */
const SHOWN = 256;
const ROW = 8;

/** The header of a frame, in its fields. */
export function parseHeader(hex) {
  const bytes = fromHex(hex);
  const [first = 0, second = 0] = bytes;
  const short = second & 0x7f;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  const masked = (second & 0x80) !== 0;
  return {
    fin: first >> 7, rsv: (first >> 4) & 7, opcode: first & 15, masked, short,
    long: bytes.slice(2, 2 + extra), key: masked ? bytes.slice(2 + extra, 6 + extra) : null, bytes,
  };
}

export function unmask(wire, key) {
  return key ? wire.map((byte, at) => byte ^ key[at % 4]) : wire;
}

/** The bytes of a frame that the peer means: unmasked and decompressed. */
export function meant(event) {
  if (event.plain) return event.plain;
  const plain = unmask(fromHex(event.wire), parseHeader(event.header).key);
  event.plain = event.inflated === null ? plain : fromHex(event.inflated);
  return event.plain;
}

/** Number of payload bytes that have passed, and that the page does not have: it gets the first 16 KiB of a frame. */
export const missing = (event) => (event.event === 'frame' ? event.received - event.wire.length / 2 : 0);

const decode = (bytes) => new TextDecoder().decode(bytes);

/** Shows an event in the section of the details. */
export function show(event, title, parts) {
  parts.replaceChildren();
  if (event.event === 'head') return showHead(event, title, parts);
  const header = parseHeader(event.header);
  title.textContent = `${opcodeName(header.opcode)} frame from the ${event.side}`;
  if (event.violation) parts.append(violation(event.violation));
  parts.append(figure(header), fields(event, header), payload(event, header));
  if (event.inflated !== null) parts.append(compression(event));
  parts.append(closing(event.closing));
}

function showHead(event, title, parts) {
  title.textContent = event.side === 'client' ? 'Request of the client' : 'Response of the server';
  parts.append(
    element('p', {}, `${many(event.bytes, 'byte')} of HTTP, which open the connection. What may be a secret is hidden.`),
    element('pre', { tabindex: 0, 'aria-label': 'The head, explained' }, event.text),
    list('Behind it', ['6455-4.1-28', '6455-4.2.2-s6']),
  );
}

/** What a strict peer says. */
export function violation(broken) {
  return element('div', { class: 'broken', role: 'group', 'aria-label': 'Broken rule' },
    element('p', {}, element('strong', {}, 'Broken rule: '), `${broken.text}.`),
    element('p', {}, rule(broken.rule)),
    element('p', {}, `A strict peer fails the connection with Close ${broken.code}, and reads nothing after it.`));
}

const bits = (value, count) => value.toString(2).padStart(count, '0');

/** The figure of section 5.2, as pieces of at most 16 bits, like its rows. */
function figure(header) {
  const pieces = [
    ['FIN', 1, bits(header.fin, 1), 'fin'], ['RSV1', 1, bits(header.rsv >> 2, 1), 'rsv'],
    ['RSV2', 1, bits((header.rsv >> 1) & 1, 1), 'rsv'], ['RSV3', 1, bits(header.rsv & 1, 1), 'rsv'],
    ['opcode', 4, bits(header.opcode, 4), 'opcode'], ['MASK', 1, header.masked ? '1' : '0', 'mask'],
    ['length', 7, bits(header.short, 7), 'length'],
  ];
  const words = (name, bytes, kind) => {
    for (let at = 0; at < bytes.length; at += 2) {
      const word = Array.from(bytes.slice(at, at + 2), (byte) => bits(byte, 8)).join(' ');
      pieces.push([at === 0 ? name : `${name}, continued`, 16, word, kind]);
    }
  };
  words('extended length', header.long, 'length');
  if (header.key) words('masking key', header.key, 'key');
  const grid = element('ol', { class: 'bits', 'aria-label': 'The bits of the header, in their order' });
  for (const [name, width, value, kind] of pieces) {
    grid.append(element('li', { class: `w${width} ${kind}` },
      element('span', { class: 'name' }, name), element('code', {}, value)));
  }
  return element('figure', {},
    element('figcaption', {}, 'The header, as in the figure of ',
      element('a', { href: 'https://www.rfc-editor.org/rfc/rfc6455#section-5.2', target: '_blank', rel: 'noreferrer noopener' },
        'RFC 6455, section 5.2')),
    grid);
}

/** One row a field: value, meaning, and the rules behind it. */
function fields(event, header) {
  const control = header.opcode >= 8;
  const rows = [
    ['FIN', header.fin, header.fin ? 'the message ends with this frame' : 'more frames of this message follow',
      control ? ['6455-5.5-2'] : ['6455-5.4-s1', '6455-5.4-s2']],
    ['RSV1-3', bits(header.rsv, 3), reserved(event, header), event.inflated === null
      ? ['6455-5.2-2', '6455-5.2-3'] : ['7692-6.1-1', '7692-6.1-3']],
    ['opcode', header.opcode.toString(16).toUpperCase(), meaning(event, header.opcode), ['6455-5.2-s2', ...opcodeRules(header.opcode)]],
    ['MASK', header.masked ? 1 : 0, header.masked ? 'the payload is masked' : 'the payload is not masked',
      event.side === 'client' ? ['6455-5.1-1', '6455-5.1-2'] : ['6455-5.1-4', '6455-5.1-5']],
    ['length', event.length, `${many(event.length, 'byte')}, in ${header.long.length ? `${header.long.length * 8}` : '7'} bits`,
      ['6455-5.2-6', ...(header.long.length ? ['6455-5.2-s3'] : []), ...(header.long.length === 8 ? ['6455-5.2-5'] : []),
        ...(control ? ['6455-5.5-1'] : [])]],
  ];
  if (header.key) rows.push(['key', spaced(header.key), 'random, and different for every frame', ['6455-5.2-s4', '6455-5.3-2', '6455-5.3-3']]);
  const body = element('tbody');
  for (const [name, value, text, rules] of rows) {
    body.append(element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, element('code', {}, `${value}`)),
      element('td', {}, text, ...rules.map(rule))));
  }
  return element('table', { class: 'fields' }, element('caption', {}, 'The fields, and the rules behind them'),
    head(['Field', 'Value', 'Meaning and rules']), body);
}

function reserved(event, header) {
  if (event.inflated !== null && header.rsv === 4) return 'RSV1: the message is compressed';
  return header.rsv === 0 ? 'no extension uses them here' : 'set without an extension';
}

function meaning(event, opcode) {
  const texts = {
    0: `continues the ${event.message ?? ''} message`, 1: 'a text, in UTF-8', 2: 'a binary message', 8: 'Close, a control frame',
    9: 'Ping, a control frame; the peer answers with a Pong', 10: 'Pong, a control frame',
  };
  return texts[opcode] ?? 'not defined';
}

function opcodeRules(opcode) {
  const rules = {
    0: ['6455-5.4-s2'], 1: ['6455-5.6-1'], 2: ['6455-5.6-s1'], 8: ['6455-5.5.1-2', '6455-5.5.1-6'],
    9: ['6455-5.5.2-2', '6455-5.4-1'], 10: ['6455-5.5.3-s1', '6455-5.5.3-2'],
  };
  return rules[opcode] ?? ['6455-5.2-4'];
}

const head = (names) => element('thead', {}, element('tr', {}, ...names.map((name) => element('th', { scope: 'col' }, name))));

/** The payload: on the wire, the key, unmasked, side by side. */
function payload(event, header) {
  const wire = fromHex(event.wire).slice(0, SHOWN);
  if (wire.length === 0) return element('p', {}, event.length === '0' ? 'There is no payload.' : 'No byte of the payload has arrived.');
  const plain = unmask(wire, header.key);
  const names = header.key ? ['At', 'Masked, on the wire', 'Unmasked', 'Text'] : ['At', 'On the wire', 'Text'];
  const body = element('tbody');
  for (let at = 0; at < wire.length; at += ROW) {
    const row = [wire.slice(at, at + ROW), ...(header.key ? [plain.slice(at, at + ROW)] : [])];
    body.append(element('tr', {}, element('th', { scope: 'row' }, `${at}`),
      ...row.map((bytes) => element('td', {}, element('code', {}, spaced(bytes)))),
      element('td', {}, element('code', {}, ascii(plain.slice(at, at + ROW))))));
  }
  const table = element('table', { class: 'payload' }, element('caption', {}, header.key
    ? `The payload, masked and unmasked by ${spaced(header.key)}` : 'The payload'), head(names), body);
  const more = event.received - wire.length;
  const rest = [];
  if (more > 0) rest.push(element('p', {}, `${many(more, 'more byte')}.`));
  if (missing(event) > 0) rest.push(element('p', {}, `The page and its exports have the first ${many(event.wire.length / 2, 'byte')} of it.`));
  if (`${event.received}` !== event.length) rest.push(element('p', { class: 'broken' }, `Only ${event.received} of ${event.length} bytes have arrived.`));
  if (event.message === 'text' && event.inflated === null) rest.push(text(plain));
  if (header.opcode === 8) rest.push(closeBody(plain));
  return element('div', { class: 'scroll' }, table, ...rest, ...(header.key ? [list('Behind it', ['6455-5.3-s1'])] : []));
}

const ascii = (bytes) => Array.from(bytes, (byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '·')).join('');
const text = (bytes) => element('p', {}, 'As text: ', element('q', {}, printable(decode(bytes))));

function closeBody(plain) {
  if (plain.length < 2) return element('p', {}, 'A Close without a code.');
  const reason = printable(decode(plain.slice(2)));
  return element('p', {}, `The code is ${plain[0] * 256 + plain[1]}, `, reason ? 'the reason ' : 'without a reason.', reason ? element('q', {}, reason) : '');
}

/** 7692: what compression made of the payload. */
function compression(event) {
  const plain = fromHex(event.inflated).slice(0, SHOWN);
  const saved = event.received > 0 ? Math.round((1 - event.received / Math.max(1, event.inflatedLength)) * 100) : 0;
  const parts = [
    element('h3', {}, 'Compression (RFC 7692)'),
    element('p', {}, `${many(event.received, 'byte')} on the wire became ${many(event.inflatedLength, 'byte')}: `,
      saved >= 0 ? `${saved} % less on the wire.` : `${-saved} % more on the wire.`),
    element('p', {}, element('code', {}, spaced(plain))),
  ];
  if (event.message === 'text') parts.push(text(plain));
  return element('div', { class: 'compression' }, ...parts, list('Behind it', ['7692-6.1-1', '7692-6.2-1']));
}

const PHASES = [
  ['open', 'Open', 'no Close was sent', ['6455-5.1-7']],
  ['client', 'Client has closed', 'the server answers', ['6455-7.1.3-s1', '6455-5.5.1-5', '6455-5.5.1-6']],
  ['server', 'Server has closed', 'the client answers', ['6455-7.1.3-s1', '6455-5.5.1-5', '6455-5.5.1-6']],
  ['closed', 'Both have closed', 'TCP ends, the server first', ['6455-5.5.1-10', '6455-5.5.1-11']],
];

/** The state of the closing handshake after the frame. */
function closing(phase) {
  const states = element('ol', { class: 'phases', 'aria-label': 'States of the closing handshake' });
  let rules = [];
  for (const [id, name, note, behind] of PHASES) {
    const current = id === phase;
    if (current) rules = behind;
    states.append(element('li', { 'aria-current': current ? 'step' : null }, element('strong', {}, name), ` ${note}`));
  }
  return element('div', {}, element('h3', {}, 'The closing handshake after this frame'), states, list('Behind it', rules));
}

function list(title, rules) {
  return element('p', { class: 'behind' }, `${title}: `, ...rules.map(rule));
}
