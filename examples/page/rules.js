// The requirements that the details name, in a few words each, and where their text is. The ids are those of the library.

const RULES = {
  '6455-4.1-28': 'The client sends 16 random bytes in base64 as Sec-WebSocket-Key.',
  '6455-4.2.2-s6': 'Sec-WebSocket-Accept proves that the server has read the key.',
  '6455-5.1-1': 'A client masks every frame.',
  '6455-5.1-2': 'A server closes the connection on a frame that is not masked.',
  '6455-5.1-4': 'A server masks no frame.',
  '6455-5.1-5': 'A client closes the connection on a masked frame.',
  '6455-5.1-7': 'Data may be sent until a Close is sent.',
  '6455-5.2-1': 'The first fragment may also be the last.',
  '6455-5.2-2': 'RSV1, RSV2 and RSV3 are 0, unless an extension defines them.',
  '6455-5.2-3': 'A reserved bit without an extension fails the connection.',
  '6455-5.2-4': 'An unknown opcode fails the connection.',
  '6455-5.2-5': 'The top bit of a 64-bit length is 0.',
  '6455-5.2-6': 'A length is sent in the fewest bytes.',
  '6455-5.2-s2': 'The opcodes: 0 continuation, 1 text, 2 binary, 8 Close, 9 Ping, A Pong.',
  '6455-5.2-s3': 'A length has its most significant byte first.',
  '6455-5.2-s4': 'The masking key is there exactly when MASK is 1.',
  '6455-5.3-2': 'Every frame has a fresh masking key.',
  '6455-5.3-3': 'The masking key is from a strong source of randomness.',
  '6455-5.3-s1': 'Byte i of the payload is XORed with byte i mod 4 of the key.',
  '6455-5.4-1': 'Control frames may come between the fragments of a message.',
  '6455-5.4-4': 'The fragments of different messages do not interleave.',
  '6455-5.4-s1': 'A message in one frame: FIN is 1, and the opcode is not 0.',
  '6455-5.4-s2': 'A fragmented message: an opcode first, then 0, and FIN at the end.',
  '6455-5.5-1': 'A control frame has at most 125 bytes of payload.',
  '6455-5.5-2': 'A control frame is not fragmented.',
  '6455-5.5-s1': 'The opcodes of control frames have their top bit set.',
  '6455-5.5.1-2': 'The body of a Close begins with a code of two bytes.',
  '6455-5.5.1-3': 'A reason in UTF-8 may follow the code.',
  '6455-5.5.1-5': 'No data is sent after a Close.',
  '6455-5.5.1-6': 'A Close is answered by a Close.',
  '6455-5.5.1-10': 'After both Closes, TCP is closed.',
  '6455-5.5.1-11': 'The server closes TCP at once.',
  '6455-5.5.2-2': 'A Ping is answered by a Pong, unless a Close was received.',
  '6455-5.5.3-s1': 'The Pong repeats the payload of its Ping.',
  '6455-5.5.3-2': 'A Pong may come unasked.',
  '6455-5.6-1': 'A text message is UTF-8 as a whole; a frame may end inside a character.',
  '6455-5.6-s1': 'The payload of a binary message means what the application says.',
  '6455-7.1.3-s1': 'The first Close, sent or received, begins the closing handshake.',
  '6455-7.1.7-7': 'After a violation nothing more is read.',
  '6455-7.4.1-3': 'The code 1005 is never sent.',
  '6455-7.4.1-4': 'The code 1006 is never sent.',
  '6455-7.4.1-6': 'The code 1015 is never sent.',
  '6455-7.4.2-s1': 'Codes from 1000 are sent as they are defined; 3000 to 4999 are free for use.',
  '6455-8.1-1': 'Bytes that are not UTF-8 where text is expected fail the connection.',
  '6455-10.4-1': 'A receiver protects itself by limits.',
  '6455-10.4-2': 'The sizes of frames and messages are limited.',
  '7692-6.1-1': 'RSV1 of the first frame says that the message is compressed.',
  '7692-6.1-2': 'A message that is not compressed has RSV1 clear.',
  '7692-6.1-3': 'RSV1 is never set on a control frame or a later fragment.',
  '7692-6.2-1': 'The payloads of a message are decompressed as one.',
};

/** The text of a requirement, or an empty one. */
export const ruleText = (id) => RULES[id] ?? '';

/** The section that a requirement is from: 6455-5.1-4 is in RFC 6455, section 5.1. */
export function ruleLink(id) {
  const [rfc, section] = id.split('-');
  return `https://www.rfc-editor.org/rfc/rfc${rfc}#section-${section}`;
}

/** An element with text and children. Text is never read as markup. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** A requirement: a link to its section, and its words. */
export function rule(id) {
  const link = element('a', { href: ruleLink(id), target: '_blank', rel: 'noreferrer noopener' }, id);
  return element('span', { class: 'rule' }, link, ` ${ruleText(id)}`);
}

export const OPCODES = {
  0: 'Continuation', 1: 'Text', 2: 'Binary', 8: 'Close', 9: 'Ping', 10: 'Pong',
};

/** The name of an opcode, also of one that is not defined. */
export const opcodeName = (opcode) => OPCODES[opcode] ?? `Opcode ${opcode.toString(16).toUpperCase()}`;

export const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
/** Pairs of digits with spaces between them. */
export const spaced = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
export const many = (count, what) => `${Number(count).toLocaleString('en')} ${what}${Number(count) === 1 ? '' : 's'}`;

/** Text that can be shown in a line: control characters, and those that change the direction of text, are escaped. */
export function printable(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (c) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })[c] ?? `\\u{${c.codePointAt(0).toString(16)}}`);
}
