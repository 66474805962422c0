// The chat page. Text from other clients is added as text nodes only, never as markup.
//
//   to the server      join ROOM NAME    say TEXT
//   from the server    joined ROOM NAME    said ID NAME MILLISECONDS TEXT    came NAME    left NAME    wait TEXT
//   Close 1008         joining was refused for the reason in the Close; the page does not try again

"use strict";

const $ = (id) => document.getElementById(id);
const FIRST_DELAY = 500, LONGEST_DELAY = 15000, MOST_LINES = 500;

let socket = null;    // the connection that counts; events of older ones are ignored
let joined = false;   // this connection has joined the room
let wanted = null;    // { room, name } from joining to leaving
let unanswered = [];  // texts that were sent and have not come back yet
let delay = FIRST_DELAY, timer = 0, unread = 0;
const seen = new Set();    // ids that are on the page: each connection receives the history again

function state(kind, text) {
  $("state").dataset.state = kind;
  $("state").textContent = text;
  $("retry").hidden = kind !== "lost";
}

function connect() {
  clearTimeout(timer);
  const mine = new WebSocket(location.origin.replace(/^http/, "ws") + "/chat");
  socket = mine;
  joined = false;
  state("off", "Connecting…");
  mine.onopen = () => mine === socket && mine.send(`join ${wanted.room} ${wanted.name}`);
  mine.onmessage = (event) => mine === socket && receive(event.data);
  mine.onclose = (event) => mine === socket && lost(event);
}

function lost(event) {
  socket = null;
  joined = false;
  if (event.code === 1008) return refused(event.reason || "The server refused.");
  for (const text of unanswered) note(`Perhaps not sent, because the connection was lost: ${text}`);
  unanswered = [];
  // Truncated exponential backoff with jitter, so that not all clients of a restarted server connect at the same time.
  const wait = delay * (0.5 + Math.random());
  delay = Math.min(delay * 2, LONGEST_DELAY);
  timer = setTimeout(connect, wait);
  state("lost", `Connection lost. Trying again in ${Math.max(1, Math.round(wait / 1000))} s`);
}

function refused(reason) {
  wanted = null;
  state("off", "Not connected");
  $("talk").hidden = true;
  $("join").hidden = false;
  $("problem").textContent = reason;
  $("name").focus();
}

function receive(line) {
  const [, what, rest] = /^(\S+) ?([^]*)$/.exec(line) || [];
  if (what === "joined") welcome(rest);
  else if (what === "said") said(rest);
  else if (what === "came") note(`${rest} came in`);
  else if (what === "left") note(`${rest} left`);
  else if (what === "wait") notSent(rest);
}

// The server did not accept the oldest text without an answer. It returns to the input, unless the next one is being written.
function notSent(reason) {
  const text = unanswered.shift();
  if (text === undefined || $("text").value) return note(text === undefined ? reason : `${reason} ${text}`);
  $("text").value = text;
  note(reason);
}

function welcome(rest) {
  const [room] = rest.split(" ");
  joined = true;
  delay = FIRST_DELAY;
  state("on", "Connected");
  $("where").textContent = room;
  if (!$("join").hidden) {
    $("join").hidden = true;
    $("talk").hidden = false;
    $("problem").textContent = "";
    $("text").focus();
  }
}

function said(rest) {
  const [, id, name, time, text] = /^(\S+) (\S+) (\d+) ([^]*)$/.exec(rest) || [];
  if (!id || seen.has(id)) return;
  seen.add(id);
  const mine = wanted && name === wanted.name;
  if (mine && unanswered.includes(text)) unanswered.splice(unanswered.indexOf(text), 1);
  const who = Object.assign(document.createElement("span"), { className: "who", textContent: name });
  const when = document.createElement("time");
  const date = new Date(Number(time));
  when.dateTime = date.toISOString();
  when.textContent = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  line(mine ? "mine" : "other", who, ": ", text, when);
  if (document.hidden) document.title = `(${++unread}) Chat`;
}

function note(text) {
  line("note", text);
}

function line(kind, ...parts) {
  const log = $("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const item = document.createElement("li");
  item.className = kind;
  item.append(...parts);
  log.append(item);
  while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  const next = { room: $("room").value.trim(), name: $("name").value.trim() };
  const wrong = Object.values(next).find((word) => !/^[\p{L}\p{N}_-]+$/u.test(word));
  if (wrong !== undefined) {
    $("problem").textContent = "Only letters, digits, - and _ are possible.";
    return;
  }
  $("problem").textContent = "";
  wanted = next;
  location.hash = next.room;
  connect();
});

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  if (!joined || socket.readyState !== WebSocket.OPEN) {
    // The text stays in the input.
    note("Not sent: there is no connection at the moment.");
    return;
  }
  socket.send(`say ${text}`);
  unanswered.push(text);
  $("text").value = "";
});

$("retry").addEventListener("click", connect);
addEventListener("online", () => wanted && !socket && connect());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) { unread = 0; document.title = "Chat"; }
});

try {
  const room = decodeURIComponent(location.hash.slice(1));
  if (room) $("room").value = room;
} catch { /* not a name: the room is unchanged */ }
$("name").focus();
