// Signs in, opens a socket, shows what comes. Tokens live in this script's memory only: leaving the page forgets them.
// Everything from the server goes into the page as text, never as markup.
"use strict";

const at = (id) => document.getElementById(id);
const KEPT = 500;
const FIRST_PAUSE = 250;
const LAST_PAUSE = 15000;
// The server pings each 25 seconds below this script's sight; a ping of our own shows whether the way is still open.
const PING_EVERY = 30000;
const PONG_WITHIN = 10000;

let session = null; // { access, refresh, renewAt }
let socket = null;
let hostel = "";
let seq = null;
let wanted = false;
let pause = FIRST_PAUSE;
let shown = 0;
let retry = 0, renewal = 0, pinging = 0, silence = 0;

function state(kind, text) {
  at("state").dataset.state = kind;
  at("state-text").textContent = text;
  at("place").textContent = seq === null ? "" : "· event " + seq;
}

function problem(text) {
  at("problem").textContent = text;
  at("problem").hidden = text === "";
}

async function post(path, body) {
  const answer = await fetch("/api/v1" + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    credentials: "omit",
  });
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told.data;
  const error = new Error(told.message || "The server answered " + answer.status);
  error.final = answer.status < 500 && answer.status !== 429;
  throw error;
}

function keep(tokens) {
  session = {
    access: tokens.access_token,
    refresh: tokens.refresh_token,
    renewAt: Date.now() + tokens.expires_in * 800,
  };
}

// One refresh at a time: a refresh token works once.
let renewing = null;
function renew() {
  renewing = renewing || post("/auth/refresh-token", { refresh_token: session.refresh })
    .then(keep)
    .finally(() => { renewing = null; });
  return renewing;
}

at("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  problem("");
  const button = at("login").querySelector("button");
  button.disabled = true;
  try {
    const told = await post("/auth/login", {
      identifier: at("identifier").value.trim(),
      password: at("password").value,
    });
    keep(told);
    at("password").value = "";
    const list = at("hostel");
    list.replaceChildren();
    for (const one of told.hostels.filter((one) => one.status === "active")) {
      list.append(new Option(one.name + " (" + one.role + ")", one.id));
    }
    if (told.user.super_admin || list.options.length === 0) list.append(new Option("Another, by its id", ""));
    choose();
    at("login").hidden = true;
    at("panel").hidden = false;
    at("events").hidden = false;
    if (list.value !== "") start();
  } catch (error) {
    problem(error.message);
  } finally {
    button.disabled = false;
  }
});

function choose() {
  at("other").hidden = at("hostel").value !== "";
}

at("hostel").addEventListener("change", () => {
  choose();
  stop("Not connected");
  if (at("hostel").value !== "") start();
});
at("connect").addEventListener("click", start);
at("disconnect").addEventListener("click", () => stop("Not connected"));
at("clear").addEventListener("click", () => {
  at("list").replaceChildren();
  shown = 0;
  at("count").textContent = "0";
  at("nothing").hidden = false;
});
at("leave").addEventListener("click", () => {
  const access = session && session.access;
  stop("Not connected");
  session = null;
  if (access) {
    fetch("/api/v1/auth/logout", { method: "POST", headers: { authorization: "Bearer " + access }, credentials: "omit" })
      .catch(() => {});
  }
  at("clear").click();
  at("login").hidden = false;
  at("panel").hidden = true;
  at("events").hidden = true;
});

function start() {
  const chosen = at("hostel").value || at("hostel-id").value.trim();
  if (chosen === "") { problem("Choose a hostel, or give its id."); return; }
  if (chosen !== hostel) { hostel = chosen; seq = null; }
  problem("");
  wanted = true;
  pause = FIRST_PAUSE;
  at("connect").hidden = true;
  at("disconnect").hidden = false;
  connect();
}

function quiet() {
  clearTimeout(retry);
  clearTimeout(renewal);
  clearTimeout(silence);
  clearInterval(pinging);
}

function stop(text, kind) {
  wanted = false;
  quiet();
  if (socket) { const old = socket; socket = null; old.close(1000); }
  at("connect").hidden = false;
  at("disconnect").hidden = true;
  state(kind || "off", text);
}

function again(why) {
  if (!wanted) return;
  quiet();
  // Not everybody at the same moment after a restart.
  const wait = pause * (0.75 + Math.random() / 2);
  state("wait", why + " Connecting again in " + (wait / 1000).toFixed(1) + " s");
  retry = setTimeout(connect, wait);
  pause = Math.min(pause * 2, LAST_PAUSE);
}

async function connect() {
  if (!wanted) return;
  quiet();
  state("wait", "Connecting");
  try {
    if (Date.now() >= session.renewAt) await renew();
  } catch (error) {
    if (error.final) stop("Sign in again: " + error.message, "bad"); else again("The server does not answer.");
    return;
  }
  if (!wanted) return;
  if (socket) { const old = socket; socket = null; old.close(1000); }
  const own = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/ws");
  socket = own;
  let joined = false;
  own.onopen = () => { if (socket === own) own.send(JSON.stringify(auth(true))); };
  own.onmessage = (event) => {
    if (socket !== own) return;
    let message;
    try { message = JSON.parse(event.data); } catch (_) { return; }
    if (message.type === "auth_success") {
      if (!joined) {
        joined = true;
        pause = FIRST_PAUSE;
        if (seq === null) seq = message.seq;
        watch(own);
      }
      state("live", "Connected");
      renewal = setTimeout(() => prolong(own), Math.max(1000, session.renewAt - Date.now()));
      return;
    }
    heard(message);
  };
  own.onclose = (event) => {
    if (socket !== own) return;
    socket = null;
    const why = event.reason || "The connection is gone.";
    // The token may only be old; a session that was ended is found out by asking for another.
    if (event.code === 4401) { session.renewAt = 0; again(why); return; }
    if (event.code === 4400 || event.code === 4403) { stop(why, "bad"); return; }
    again(why);
  };
}

function auth(first) {
  const message = { type: "auth", token: session.access, hostel_id: hostel };
  if (first && seq !== null) message.resume_from = seq;
  return message;
}

// A newer token on the open socket, before the old one ends.
async function prolong(own) {
  try {
    await renew();
    if (socket === own && own.readyState === WebSocket.OPEN) own.send(JSON.stringify(auth(false)));
  } catch (_) {
    // The socket ends with its token, and what is wrong shows then.
  }
}

function watch(own) {
  pinging = setInterval(() => {
    if (socket !== own || own.readyState !== WebSocket.OPEN) return;
    own.send('{"type":"ping"}');
    clearTimeout(silence);
    silence = setTimeout(() => {
      if (socket !== own) return;
      socket = null;
      own.close();
      again("Nothing was heard for too long.");
    }, PONG_WITHIN);
  }, PING_EVERY);
}

function heard(message) {
  clearTimeout(silence);
  if (message.type === "pong") return;
  if (message.type === "live") { place(message.seq); note("Caught up; live from here"); return; }
  if (message.type === "resync") {
    place(message.seq);
    note("The log no longer reaches back so far: some events are missing here");
    return;
  }
  if (message.type === "error") { note(String(message.code) + ": " + String(message.message)); return; }
  place(message.seq);
  show(message);
}

function place(number) {
  if (Number.isInteger(number) && (seq === null || number > seq)) seq = number;
  state("live", "Connected");
}

const SHOWN = ["name", "room_name", "status", "check_in_date", "check_out_date", "online", "user_id", "room_id", "id"];

function about(data) {
  if (data === null || typeof data !== "object") return "";
  return SHOWN.filter((name) => ["string", "number", "boolean"].includes(typeof data[name]))
    .map((name) => name.replace(/_/g, " ") + " " + String(data[name])).join(", ");
}

function part(kind, text) {
  const span = document.createElement("span");
  span.className = kind;
  span.textContent = text;
  return span;
}

function show(message) {
  const item = document.createElement("li");
  item.className = "new";
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  const time = new Date(message.timestamp);
  summary.append(
    part("type", String(message.type)),
    part("seq", Number.isInteger(message.seq) ? "#" + message.seq : ""),
    part("time", isNaN(time) ? "" : time.toLocaleTimeString()),
    part("about", about(message.data)),
  );
  details.append(summary);
  // Written out only when somebody wants to see it.
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    const whole = document.createElement("pre");
    whole.textContent = JSON.stringify(message, null, 2);
    details.append(whole);
  });
  item.append(details);
  put(item);
  shown += 1;
  at("count").textContent = String(shown);
}

function note(text) {
  const item = document.createElement("li");
  item.className = "note";
  item.textContent = text;
  put(item);
}

function put(item) {
  const list = at("list");
  list.prepend(item);
  while (list.children.length > KEPT) list.lastElementChild.remove();
  at("nothing").hidden = true;
}
