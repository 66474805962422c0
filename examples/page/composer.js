// The form that builds a frame by hand, right or wrong, and what a strict peer says of it.

import { violation } from './detail.js';
import { element, fromHex, opcodeName, spaced, toHex } from './rules.js';

const byId = (id) => document.getElementById(id);
/** Maximum number of payload bytes. */
const MAX_PAYLOAD = 65536;
let send = () => {};

for (let opcode = 0; opcode < 16; opcode += 1) {
  const option = element('option', { value: opcode }, `${opcode.toString(16).toUpperCase()} ${opcodeName(opcode)}`);
  option.selected = opcode === 1;
  byId('opcode').append(option);
}

/** The tool is there. Without a target there is no peer to send to. */
export function begin(hello, sendCommand) {
  send = sendCommand;
  byId('send').hidden = byId('target').parentElement.hidden = hello.target === null;
  if (!byId('target').value) byId('target').value = hello.target ?? '';
}

/** Bytes in hexadecimal, with or without spaces. */
function hexBytes(text, what) {
  const digits = text.replace(/[\s,:]|0x/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`${what} is not hexadecimal with two digits a byte.`);
  return fromHex(digits);
}

function lengthBytes(length, form, mask) {
  const shortest = length < 126n ? '7' : length < 65536n ? '16' : '64';
  const size = { 7: 0, 16: 2, 64: 8 }[form || shortest];
  if (size === 0 && length > 127n) throw new Error('7 bits hold at most 127.');
  if (size === 2 && length > 65535n) throw new Error('16 bits hold at most 65535.');
  const first = size === 0 ? Number(length) : size === 2 ? 126 : 127;
  const bytes = [mask | first];
  for (let at = size - 1; at >= 0; at -= 1) bytes.push(Number((length >> BigInt(8 * at)) & 255n));
  return bytes;
}

/** The frame as the form says. */
function frame() {
  const payload = byId('as').value === 'hex' ? hexBytes(byId('payload').value, 'The payload') : new TextEncoder().encode(byId('payload').value);
  if (payload.length > MAX_PAYLOAD) throw new Error(`The payload has at most ${MAX_PAYLOAD} bytes here.`);
  const declared = byId('declared').value.trim();
  if (!/^\d*$/.test(declared) || BigInt(declared || 0) > 0xffffffffffffffffn) throw new Error('The length is a number of at most 64 bits.');
  const length = declared ? BigInt(declared) : BigInt(payload.length);
  const flag = (id, bit) => (byId(id).checked ? bit : 0);
  const first = flag('fin', 0x80) | flag('rsv1', 0x40) | flag('rsv2', 0x20) | flag('rsv3', 0x10) | Number(byId('opcode').value);
  const head = [first, ...lengthBytes(length, byId('form').value, flag('masked', 0x80))];
  if (!byId('masked').checked) return Uint8Array.from([...head, ...payload]);
  const key = hexBytes(byId('key').value, 'The masking key');
  if (key.length !== 4) throw new Error('The masking key has four bytes.');
  return Uint8Array.from([...head, ...key, ...payload.map((byte, at) => byte ^ key[at % 4])]);
}

/** The frame, or null after the problem is shown. */
function build() {
  try {
    const bytes = frame();
    byId('problem').textContent = '';
    byId('bytes').textContent = spaced(bytes.slice(0, 64)) + (bytes.length > 64 ? ' …' : '');
    return toHex(bytes);
  } catch (error) {
    byId('problem').textContent = error.message;
    byId('bytes').textContent = '';
    return null;
  }
}

function command(words) {
  const bytes = build();
  if (bytes !== null) send(`${words} ${bytes}`);
}

/** Shows an answer of the tool. */
export function answer(event) {
  const verdict = byId('verdict');
  if (event.event === 'fresh') return verdict.replaceChildren(element('p', {}, 'A new connection: the next frame is the first.'));
  if (event.event === 'failure') return verdict.replaceChildren(element('p', { class: 'broken' }, `Not done: ${event.text}.`));
  const judge = event.side === 'client' ? 'server' : 'client';
  verdict.replaceChildren(element('h3', {}, `What a strict ${judge} says`));
  if (event.said) verdict.append(element('p', { class: event.violation ? '' : 'right' }, event.said));
  if (event.violation) verdict.append(violation(event.violation));
  if (event.sent === '') verdict.append(element('p', {}, `Sent. The answer of the ${judge} is in the list above.`));
  else if (event.sent) verdict.append(element('p', { class: 'broken' }, `Not sent: ${event.sent}. New connection begins again.`));
}

byId('compose').addEventListener('submit', (event) => {
  event.preventDefault();
  command(byId('send').hidden ? 'judge client' : `send ${byId('target').value.trim()}`);
});
byId('compose').addEventListener('input', build);
byId('serve').addEventListener('click', () => command('serve'));
byId('judge').addEventListener('click', () => command('judge client'));
byId('judge-client').addEventListener('click', () => command('judge server'));
byId('fresh').addEventListener('click', () => send('fresh'));
build();
