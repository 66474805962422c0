// The chat page. What others wrote reaches the document as text nodes only, never as markup.
//
//   to the server      join ROOM NAME    say TEXT
//   from the server    joined ROOM NAME    said ID NAME MILLISECONDS TEXT    came NAME    left NAME    wait TEXT
//   Close 1008         joining was refused, the reason says why: no use in trying again

"use strict";

const $ = (id) => document.getElementById(id);
const FIRST_DELAY = 500, LONGEST_DELAY = 15000, MOST_LINES = 500;

let socket = null;    // the connection that counts; events of older ones are ignored
let joined = false;   // the server let us in, on this connection
let wanted = null;    // { room, name } while we want to be in a room
let delay = FIRST_DELAY, timer = 0, unread = 0;
const seen = new Set();    // ids that are on the page: history comes again with every connection

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
  // Truncated exponential, with jitter: a server that restarts must not meet all its visitors at once.
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
  else if (what === "wait") note(rest);
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
  const who = Object.assign(document.createElement("span"), { className: "who", textContent: name });
  const when = document.createElement("time");
  const date = new Date(Number(time));
  when.dateTime = date.toISOString();
  when.textContent = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  line(wanted && name === wanted.name ? "mine" : "other", who, ": ", text, when);
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
  if (!joined) {
    // What was written stays where it is.
    note("Not sent: there is no connection at the moment.");
    return;
  }
  socket.send(`say ${text}`);
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
} catch { /* not a name: the room stays as it is */ }
$("name").focus();
