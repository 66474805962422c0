// Events from the tool, the rows of the list, filters, and the chosen row. Whatever a peer sent becomes text, never markup.
//
// An event is one object:
//   hello    title, target: the path that the composer asks for, or null if there is no peer to send to
//   open     connection, at, text
//   head     connection, at, side, bytes, text, wire
//   frame    connection, at, side, header, length, received, wire, message, inflated, inflatedLength, closing, violation
//   note     connection, at, side, text
//   end      connection, at, side, unparsed, closing
//   remark   text, which belongs to no connection
//   missed   count: events that are gone, because this page or the start of it was too late
//   verdict, failure, fresh: answers for the composer
// Times are in milliseconds, bytes in hexadecimal, and a length is a string, since it may have 64 bits.

import { answer, begin } from './composer.js';
import { meant, missing, parseHeader, show } from './detail.js';
import { download, pcapng } from './export.js';
import { element, many, opcodeName, printable, spaced, toHex } from './rules.js';

/** Maximum number of rows, and of characters of their events. The oldest go first. */
const MAX_ROWS = 5000;
const MAX_SIZE = 64 << 20;

const byId = (id) => document.getElementById(id);
const rows = byId('rows');
/** The events that have rows, each with its row in `row`, and what is searched in `haystack`. */
let events = [];
let size = 0;
let gone = 0;
let chosen = null;
/** Events that have no rows yet. */
let waiting = [];
let timer = null;
let attempts = 0;
let number = 0;

const isPaused = () => byId('pause').getAttribute('aria-pressed') === 'true';

function receive(text) {
  const event = JSON.parse(text);
  switch (event.event) {
    case 'hello':
      document.title = `${event.title}: WebSocket, frame by frame`;
      return begin(event, (command) => socket?.send(command));
    case 'verdict': case 'failure': case 'fresh':
      return answer(event);
    default:
      event.size = text.length;
      waiting.push(event);
      // A burst is laid out once.
      timer ??= setTimeout(flush, 30);
  }
}

/** Adds what has come since the last time, unless the page is paused. */
function flush() {
  timer = null;
  if (waiting.length > MAX_ROWS) gone += waiting.splice(0, waiting.length - MAX_ROWS).length;
  if (!isPaused()) {
    const follows = rows.scrollHeight - rows.scrollTop - rows.clientHeight < 40;
    waiting.splice(0).forEach(add);
    if (follows && !chosen) rows.scrollTop = rows.scrollHeight;
  }
  count();
}

function add(event) {
  const row = element('li', { role: 'option', id: `row${number++}`, 'aria-selected': 'false', class: `row ${event.side ?? 'note'}` });
  if (event.event === 'open') {
    const option = element('option', { value: event.connection }, `${event.connection}: ${printable(event.text)}`);
    byId('connection').append(option);
  }
  if (event.event === 'missed') gone += event.count;
  row.append(...describe(event));
  if (event.violation) row.classList.add('violated');
  event.row = row;
  event.haystack = haystack(event);
  row.hidden = !matches(event);
  rows.append(row);
  events.push(event);
  size += event.size;
  while (events.length > MAX_ROWS || size > MAX_SIZE) drop();
}

function drop() {
  const oldest = events.shift();
  size -= oldest.size;
  gone += 1;
  oldest.row.remove();
  if (oldest === chosen) choose(null);
}

/** The cells of a row. */
function describe(event) {
  const cell = (kind, text) => element('span', { class: kind }, text);
  const to = { client: 'server', server: 'client' }[event.side] ?? '';
  const direction = element('span', { class: 'arrow' }, cell('from', `${event.side} `), `→ ${to}`);
  const time = cell('time', `${(event.at ?? 0).toFixed(1)} ms`);
  switch (event.event) {
    case 'frame': {
      const header = parseHeader(event.header);
      const flags = [header.fin ? 'FIN' : '', ...['RSV1', 'RSV2', 'RSV3'].filter((_, at) => header.rsv & (4 >> at)),
        header.masked ? 'MASK' : '', event.inflated === null ? '' : 'deflate'];
      return [direction, cell('opcode', opcodeName(header.opcode)), cell('length', many(event.length, 'byte')),
        cell('flags', flags.filter(Boolean).join(' ')), time, cell('preview', preview(event, header)),
        ...(event.violation ? [cell('broken', `breaks ${event.violation.rule}`)] : [])];
    }
    case 'head':
      return [direction, cell('opcode', event.side === 'client' ? 'Request' : 'Response'),
        cell('length', many(event.bytes, 'byte')), cell('flags', 'HTTP'), time, cell('preview', printable(startLine(event)))];
    case 'open':
      return [cell('opcode', `Connection ${event.connection}`), cell('preview', printable(event.text)), time];
    case 'note':
      return [direction, cell('opcode', 'Fault'), time, cell('preview', printable(event.text))];
    case 'remark':
      return [cell('opcode', 'Note'), cell('preview', printable(event.text))];
    case 'end':
      return [direction, cell('opcode', 'End'), time, cell('preview', event.unparsed
        ? `the ${event.side} ended TCP; ${many(event.unparsed, 'byte')} not parsed` : `the ${event.side} ended TCP`)];
    default:
      return [cell('opcode', 'Missed'), cell('preview', `${many(event.count, 'event')} before these`)];
  }
}

/** The start line of a head: what stands before the explanation. */
const startLine = (event) => event.text.split('\n')[1]?.trim().split(/ {2,}/)[0] ?? '';

function preview(event, header) {
  const plain = meant(event).slice(0, 120);
  if (header.opcode === 8) {
    const code = plain.length > 1 ? `${plain[0] * 256 + plain[1]} ` : 'no code';
    return code + printable(new TextDecoder().decode(plain.slice(2)));
  }
  const isText = event.message === 'text' || (event.message === null && header.opcode === 1);
  return isText ? printable(new TextDecoder().decode(plain)) : spaced(plain.slice(0, 24));
}

function haystack(event) {
  if (event.event === 'head') return `${event.text} head`.toLowerCase();
  if (event.event !== 'frame') return event.row.textContent.toLowerCase();
  const plain = meant(event);
  const broken = event.violation ? `${event.violation.text} ${event.violation.rule}` : '';
  return `${event.row.textContent} ${new TextDecoder().decode(plain)} ${toHex(plain)} ${event.header} ${broken}`.toLowerCase();
}

/** Whether the filters let an event through. Notes on a connection are seen with every kind. */
function matches(event) {
  const [connection, side, kind] = ['connection', 'side', 'kind'].map((id) => byId(id).value);
  const wanted = byId('search').value.trim().toLowerCase();
  if (connection && `${event.connection}` !== connection) return false;
  if (side && event.side !== side) return false;
  if (wanted && !event.haystack.includes(wanted) && !event.haystack.includes(wanted.replaceAll(' ', ''))) return false;
  if (!kind) return true;
  if (kind === 'head') return event.event === 'head';
  if (event.event !== 'frame') return false;
  const { opcode } = parseHeader(event.header);
  switch (kind) {
    case 'broken': return event.violation !== null;
    case 'data': return opcode < 8;
    case 'control': return opcode >= 8;
    case 'text': case 'binary': return event.message === kind;
    default: return `${opcode}` === kind;
  }
}

function filter() {
  for (const event of events) event.row.hidden = !matches(event);
  if (chosen?.row.hidden) choose(null);
  count();
}

function count() {
  const seen = events.filter((event) => !event.row.hidden).length;
  byId('empty').hidden = seen > 0;
  byId('empty').textContent = events.length ? 'No row matches the filters.' : 'No frame has passed yet.';
  byId('count').textContent = `${seen} of ${many(events.length, 'row')}`
    + (waiting.length ? `, ${waiting.length} waiting` : '') + (gone ? `, ${gone} older gone` : '');
}

/** Chooses a row, and shows its details. The focus stays in the list. */
function choose(event) {
  chosen?.row.setAttribute('aria-selected', 'false');
  chosen = event;
  if (!event) {
    rows.removeAttribute('aria-activedescendant');
    byId('detail-title').textContent = 'Nothing chosen';
    byId('parts').replaceChildren(element('p', {}, 'Choose a frame to see its bits.'));
    return;
  }
  event.row.setAttribute('aria-selected', 'true');
  rows.setAttribute('aria-activedescendant', event.row.id);
  event.row.scrollIntoView({ block: 'nearest' });
  if (event.event === 'frame' || event.event === 'head') return show(event, byId('detail-title'), byId('parts'));
  byId('detail-title').textContent = 'A note on the connection';
  byId('parts').replaceChildren(element('p', {}, event.row.textContent));
}

function move(key) {
  const seen = events.filter((event) => !event.row.hidden);
  const at = seen.indexOf(chosen);
  const next = { ArrowDown: at + 1, ArrowUp: at < 0 ? seen.length - 1 : at - 1, Home: 0, End: seen.length - 1, PageDown: at + 10, PageUp: at - 10 }[key];
  if (next === undefined || seen.length === 0) return false;
  choose(seen[Math.max(0, Math.min(seen.length - 1, next))]);
  return true;
}

/** Moves to the details, which are below the list on a narrow page. */
function openDetail() {
  byId('detail').scrollIntoView({ block: 'start' });
  byId('detail').focus({ preventScroll: true });
}

rows.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && chosen) openDetail();
  else if (!move(event.key)) return;
  event.preventDefault();
});
rows.addEventListener('click', (event) => {
  const row = event.target.closest('.row');
  const found = events.find((one) => one.row === row);
  if (!found) return;
  choose(found);
  if (matchMedia('(max-width: 60rem)').matches) openDetail();
});
byId('detail').addEventListener('keydown', (event) => {
  if (event.key === 'Escape') back();
});
byId('back').addEventListener('click', back);
function back() {
  byId('traffic').scrollIntoView({ block: 'start' });
  rows.focus({ preventScroll: true });
}
byId('filters').addEventListener('input', filter);
byId('filters').addEventListener('submit', (event) => event.preventDefault());
byId('pause').addEventListener('click', () => {
  byId('pause').setAttribute('aria-pressed', `${!isPaused()}`);
  flush();
});
byId('clear').addEventListener('click', () => {
  choose(null);
  rows.replaceChildren();
  [events, waiting, size, gone] = [[], [], 0, 0];
  byId('exported').textContent = '';
  count();
});
const records = () => events.map(({ row, haystack: _, size: __, plain, ...event }) => event);
byId('json').addEventListener('click', () => store('websocket.json', 'application/json', (all) => `${JSON.stringify(all, null, 1)}\n`));
byId('pcapng').addEventListener('click', () => store('websocket.pcapng', 'application/octet-stream', pcapng));

/** Stores what was recorded, and says what is not in the file. */
function store(name, type, write) {
  const all = records();
  download(name, type, write(all));
  const cut = all.filter((event) => missing(event) > 0);
  const kept = cut.length ? `: the first ${many(cut[0].wire.length / 2, 'byte')} of each are in the file` : '';
  byId('exported').textContent = `${name} has ${many(all.length, 'row')}`
    + (cut.length ? `. ${many(cut.length, 'long payload')} ${cut.length === 1 ? 'is' : 'are'} cut${kept}.` : '.')
    + (gone ? ` ${many(gone, 'older row')} ${gone === 1 ? 'is' : 'are'} gone.` : '');
}

function state(name, text) {
  byId('state').dataset.state = name;
  byId('state').textContent = text;
}

/** Connects, and again when the tool was away. The tool sends its latest events from the start. */
let socket = null;
function connect() {
  const url = new URL('live', location);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const mine = new WebSocket(url);
  mine.addEventListener('open', () => {
    socket = mine;
    attempts = 0;
    byId('clear').click();
    byId('connection').replaceChildren(element('option', { value: '' }, 'all'));
    state('on', 'Live');
  });
  mine.addEventListener('message', (message) => receive(message.data));
  mine.addEventListener('close', () => {
    socket = null;
    attempts += 1;
    state('lost', 'The tool has ended');
    setTimeout(connect, Math.min(10000, 500 * 2 ** attempts));
  });
}
count();
connect();
