// The visitor's page: buttons that move a device's pins and the world round it, and a picture of what its light and its motor do.
import { LANGUAGES, choose, gestures, words } from "./words.js";
import { Motor, PATTERNS } from "./patterns.js";

const language = choose();
const w = words(language);
const SVG = "http://www.w3.org/2000/svg";
const WINDOW_NS = 10e9;
const CLICK_MS = 400; // a screen reader's click has no length of its own
const MOST_SAID = 40;
const MOST_TEXTS = 20;
const LIGHTS = ["light_red", "light_green", "light_blue"];

const devices = new Map();
let chosen = null;
let offsetNs = Infinity; // this page's clock minus the simulator's

const $ = (id) => document.getElementById(id);
const nowNs = () => performance.now() * 1e6 - (Number.isFinite(offsetNs) ? offsetNs : 0);
const el = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const capital = (text) => text.charAt(0).toLocaleUpperCase(language) + text.slice(1);
const shape = (name, attributes) => {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
};
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);

// Requests go out one after another: a finger that goes up never overtakes itself going down.

let queue = Promise.resolve();
function post(path, body, number = chosen) {
  $("trouble").textContent = "";
  queue = queue.then(async () => {
    const answer = await fetch(`/devices/${number}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body || {}),
      keepalive: true, // the finger goes up even when the page is being closed
    }).catch(() => null);
    if (!answer || !answer.ok) $("trouble").textContent = w.failed;
  });
  return queue;
}

// One pendant as its pins show it.

function device(number) {
  if (!devices.has(number)) {
    const made = { number, board: "pendant", outdoors: null, texts: [], asleep: false, destroyed: false, usb: false, motion: "", colour: "000", lights: [0, 0, 0], motor: 0, button: 0, seen: 0, downAt: 0, said: [], last: null };
    made.tracks = { light: [], motor: [], button: [] };
    made.pattern = new Motor((name, t, run) => {
      made.last = { name, t, run };
      say(made, t, name, w["name_" + name] || w.cut_short, w["says_" + name], run);
      if (number === chosen) drawMeaning();
    });
    devices.set(number, made);
    drawDevices();
  }
  return devices.get(number);
}
function say(d, t, name, title, sentence, run) {
  d.said.unshift({ t, name, title, sentence, run });
  d.said.length = Math.min(d.said.length, MOST_SAID);
  if (d.number === chosen) drawLog();
}
function begin(track, t, value) {
  const last = track.at(-1);
  if (last && last.to === null) last.to = t;
  if (value) track.push({ from: t, to: null, value });
  while (track.length && track[0].to !== null && t - track[0].to > WINDOW_NS) track.shift();
}
function light(d, t) {
  const colour = d.lights.join("");
  const last = d.tracks.light.at(-1);
  // Three pins make one colour; they do not move in the same instant.
  if (last && last.to === null && t - last.from < 5e6 && colour !== "000") last.value = colour;
  else if (colour !== d.colour) begin(d.tracks.light, t, colour === "000" ? null : colour);
  d.colour = colour;
}
const darken = (d, t) => { d.lights = [0, 0, 0]; light(d, t); d.motor = 0; d.pattern.down(t); begin(d.tracks.motor, t, null); };

const HEARD = {
  motor: (d, t, on) => {
    d.motor = on;
    begin(d.tracks.motor, t, on ? "on" : null);
    if (on) d.pattern.up(t, d.colour);
    else d.pattern.down(t);
  },
  button: (d, t, down) => {
    d.button = down;
    begin(d.tracks.button, t, down ? "down" : null);
    if (down) d.downAt = t;
    say(d, t, "button", "", down ? w.says_down : fill(w.says_up, { ms: Math.round((t - d.downAt) / 1e6) }));
  },
  usb: (d, t, on) => { d.usb = Boolean(on); say(d, t, "usb", "", w["says_usb" + on]); },
  boot: (d, t) => { d.asleep = false; say(d, t, "boot", "", w.says_boot); },
  sleep: (d, t) => { d.asleep = true; darken(d, t); say(d, t, "sleep", "", w.says_sleep); },
  watchdog: (d, t) => { darken(d, t); say(d, t, "watchdog", "", w.says_watchdog); },
  destroyed: (d, t) => { d.destroyed = true; darken(d, t); say(d, t, "destroyed", "", w.says_destroyed); },
  outdoors: (d, t, seen) => { d.outdoors = seen; },
  text: (d, t, text) => {
    d.texts.push({ t, ...text });
    d.texts.splice(0, d.texts.length - MOST_TEXTS);
    if (d.number === chosen) drawTexts();
    say(d, t, "text", "", text.own ? w.says_text_out : w.says_text_in);
  },
  motion: (d, t, name) => {
    d.motion = name;
    if (d.number === chosen) {
      delete $("pendant").dataset.motion; // the same motion again begins again
      void $("pendant").offsetWidth;
    }
    say(d, t, "motion", "", w["says_" + name]);
  },
};
function take(event) {
  const d = device(event.device);
  d.seen += 1;
  offsetNs = Math.min(offsetNs, performance.now() * 1e6 - event.t_ns);
  const place = LIGHTS.indexOf(event.what);
  if (place >= 0) {
    d.lights[place] = event.value ? 1 : 0;
    light(d, event.t_ns);
  } else HEARD[event.what]?.(d, event.t_ns, event.value);
  drawDevice(d);
}
async function read(number) {
  const d = device(number);
  const seen = d.seen;
  const state = await (await fetch(`/devices/${number}`)).json();
  if (d.seen !== seen) return; // something newer has been heard meanwhile
  Object.assign(d, { board: state.board, outdoors: state.outdoors, asleep: state.asleep, destroyed: state.destroyed, usb: Boolean(state.pins.usb_sense), button: 1 - state.pins.button });
  d.lights = LIGHTS.map((name) => (state.asleep || state.destroyed ? 0 : state.pins[name]));
  light(d, nowNs());
  drawDevice(d);
}

// Drawing.

function drawDevices() {
  const numbers = [...devices.keys()].sort((a, b) => a - b);
  $("none").hidden = numbers.length > 0;
  const old = $("devices");
  const shown = [...old.querySelectorAll("input")].map((input) => Number(input.value));
  if (shown.join() !== numbers.join()) {
    old.replaceChildren(...numbers.map((number) => {
      const input = el("input", { type: "radio", name: "device", value: number, id: `device-${number}` });
      input.checked = number === chosen;
      input.addEventListener("change", () => pick(number));
      return el("label", { class: "chip", for: input.id }, input, el("span", { class: "dot", "aria-hidden": "true" }), el("span", { class: "chip-kind" }), el("span", {}, String(number)), el("span", { class: "chip-state" }));
    }));
    for (const d of devices.values()) drawDevice(d);
  }
}
function drawDevice(d) {
  const power = d.destroyed ? "destroyed" : d.asleep ? "asleep" : "awake";
  const chip = $(`device-${d.number}`)?.parentElement;
  if (chip) {
    chip.dataset.power = power;
    chip.dataset.board = d.board;
    chip.querySelector(".chip-kind").textContent = d.board === "watch" ? w.chip_watch : "";
    chip.querySelector(".chip-state").textContent = w[power];
    chip.querySelector(".dot").dataset.colour = d.colour;
  }
  if (d.number === chosen) drawPendant(d, power);
}
function drawPendant(d, power) {
  const picture = $("pendant");
  const set = (node, text) => { if (node.textContent !== text) node.textContent = text; }; // a reader hears changes only
  set($("power"), w[power]);
  $("power").dataset.power = power;
  set($("light-name"), fill(w.light, { c: w["c" + d.colour] }));
  $("cable").hidden = !d.usb;
  set($("stage-title"), fill(d.board === "watch" ? w.watch : w.pendant, { n: d.number }));
  drawAround(d, set);
  picture.dataset.board = d.board;
  picture.dataset.power = power;
  picture.dataset.colour = d.colour;
  picture.dataset.motion = d.motion;
  picture.dataset.button = d.button ? "down" : "up";
  picture.dataset.usb = d.usb ? "on" : "off";
  picture.dataset.motor = d.motor ? "on" : "off";
  if (d.motor) shake(picture);
  $("usb").setAttribute("aria-pressed", String(d.usb));
  for (const control of document.querySelectorAll(".do button, .do input, #press")) control.disabled = d.destroyed;
  if (d.destroyed) $("trouble").textContent = w.gone;
}
// A watch's modem, as one word: what matters most first.
function radioOf(o) {
  if (o.dark) return "dark";
  if (o.gnss) return "gnss";
  if (o.connected) return o.load === "modem_transmit" ? "transmit" : "connected";
  if (o.registered) return "registered";
  return { modem_off: "off", modem_psm: "psm", modem_sleep: "psm" }[o.load] || "search";
}
function drawAround(d, set) {
  const o = d.outdoors;
  for (const id of ["around", "messages", "radio", "whereabouts"]) $(id).hidden = !o;
  if (!o) return;
  const radio = radioOf(o);
  set($("radio"), fill(w.modem_is, { s: w["radio_" + radio] }));
  $("radio").dataset.radio = radio;
  set($("whereabouts"), w["at_" + o.place] + (o.indoors ? w.and_indoors : ""));
  for (const node of document.querySelectorAll("[data-place]")) node.setAttribute("aria-pressed", String(node.dataset.place === o.place));
  for (const node of document.querySelectorAll("[data-switch]")) node.setAttribute("aria-pressed", String(o[node.dataset.switch]));
}
function drawTexts() {
  const texts = devices.get(chosen)?.texts || [];
  $("no-texts").hidden = texts.length > 0;
  $("texts").replaceChildren(...texts.map((text) => el("li", { "data-own": text.own }, el("small", {}, `${timeOf(text.t)} · ${text.own ? fill(w.text_to, { n: text.to }) : fill(w.text_from, { n: text.from })}`), el("code", {}, text.text))));
  $("texts").scrollTop = $("texts").scrollHeight;
}
let calm = 0;
function shake(picture) {
  picture.classList.add("shaking");
  clearTimeout(calm);
  const stop = () => {
    if (devices.get(chosen)?.motor) calm = setTimeout(stop, 60);
    else picture.classList.remove("shaking");
  };
  calm = setTimeout(stop, 150); // a tick of 30 ms is felt, but not seen
}
function pulses(run, width) {
  const from = run.pulses[0].up;
  const svg = shape("svg", { class: "mini", viewBox: `0 0 ${width} 20`, "aria-hidden": "true" });
  for (const pulse of run.pulses) {
    const x = ((pulse.up - from) / 1e6) * 0.12;
    svg.append(shape("rect", { x: x.toFixed(1), y: 0, width: Math.max(2, ((pulse.down - pulse.up) / 1e6) * 0.12).toFixed(1), height: 14, rx: 1 }));
  }
  svg.append(shape("rect", { class: `band c${run.colour}`, x: 0, y: 16, width, height: 4 }));
  return svg;
}
function drawMeaning() {
  const last = devices.get(chosen)?.last;
  if (!last) {
    $("meaning").replaceChildren(el("p", { class: "quiet" }, w.nothing_felt));
    delete $("meaning").dataset.name;
    return;
  }
  $("meaning").dataset.name = last.name;
  $("meaning").dataset.colour = last.run.colour;
  $("meaning").replaceChildren(pulses(last.run, 130), el("p", { class: "big" }, w["name_" + last.name] || w.cut_short), el("p", {}, w["says_" + last.name]));
  $("strip").setAttribute("aria-label", fill(w.strip, { s: w["name_" + last.name] || w.cut_short }));
}
function timeOf(t) {
  return new Date(Date.now() - (nowNs() - t) / 1e6).toLocaleTimeString(language, { hour12: false });
}
function drawLog() {
  const d = devices.get(chosen);
  $("log").replaceChildren(...(d ? d.said : []).map((entry) => el("li", { "data-name": entry.name }, el("time", {}, timeOf(entry.t)), entry.run ? pulses(entry.run, 130) : null, el("div", {}, ...(entry.title ? [el("strong", {}, capital(entry.title)), " "] : []), entry.sentence))));
}
const LANES = { light: [4, 14], motor: [24, 34], button: [64, 14] };
function drawStrip() {
  const d = devices.get(chosen);
  const now = nowNs();
  const nodes = [shape("path", { class: "ticks", d: Array.from({ length: 11 }, (_, i) => `M${i * 60} 0V84`).join("") })];
  for (const [name, [y, height]] of Object.entries(d ? LANES : {})) {
    for (const part of d.tracks[name]) {
      const from = 600 * (1 - (now - part.from) / WINDOW_NS);
      const to = part.to === null ? 600 : 600 * (1 - (now - part.to) / WINDOW_NS);
      if (to <= 0) continue;
      nodes.push(shape("rect", { class: `${name} ${name === "light" ? "c" + part.value : ""}`, x: Math.max(0, from).toFixed(1), y, width: Math.max(1.5, to - Math.max(0, from)).toFixed(1), height }));
    }
  }
  $("strip").replaceChildren(...nodes);
}
function pick(number) {
  letGo();
  chosen = number;
  history.replaceState(null, "", `#${number}`);
  $("trouble").textContent = "";
  $("pendant").classList.remove("shaking");
  const input = $(`device-${number}`);
  if (input) input.checked = true;
  drawDevice(devices.get(number));
  drawMeaning();
  drawLog();
  drawTexts();
  drawStrip();
}

// The finger.

const button = $("press");
let finger = null; // the pendant whose button is down because of this page
function touch() {
  if (finger !== null || button.disabled) return;
  finger = chosen;
  post("button", { down: true });
}
function letGo() {
  if (finger === null) return;
  post("button", { down: false }, finger);
  finger = null;
}
let handled = false; // whether the click that follows belongs to a pointer or a key
button.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  handled = true;
  button.setPointerCapture(event.pointerId);
  touch();
});
for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(name, letGo);
const isPress = (event) => event.key === " " || event.key === "Enter";
button.addEventListener("keydown", (event) => {
  if (!isPress(event)) return;
  event.preventDefault();
  if (!event.repeat) touch();
});
button.addEventListener("keyup", (event) => {
  if (!isPress(event)) return;
  event.preventDefault();
  letGo();
});
button.addEventListener("blur", letGo);
button.addEventListener("contextmenu", (event) => event.preventDefault());
button.addEventListener("click", () => {
  if (!handled) post("press", { ms: CLICK_MS }); // a screen reader clicks without a finger
  handled = false;
});
addEventListener("pagehide", letGo);

for (const node of document.querySelectorAll("[data-press]")) node.addEventListener("click", () => post("press", { ms: Number(node.dataset.press) }));
for (const node of document.querySelectorAll("[data-clicks]")) node.addEventListener("click", () => post("clicks", { count: Number(node.dataset.clicks) }));
for (const node of document.querySelectorAll("[data-motion]")) node.addEventListener("click", () => post("motion", { name: node.dataset.motion }));
$("many").addEventListener("submit", (event) => { event.preventDefault(); post("clicks", { count: Number($("count").value) }); });
$("usb").addEventListener("click", () => post("usb", { attached: !devices.get(chosen).usb }));
for (const node of document.querySelectorAll("[data-place]")) node.addEventListener("click", () => post("place", { name: node.dataset.place }));
for (const node of document.querySelectorAll("[data-switch]")) node.addEventListener("click", () => {
  const on = !devices.get(chosen).outdoors[node.dataset.switch];
  if (node.dataset.switch === "indoors") post("indoors", { indoors: on });
  else post("faults", { [node.dataset.switch]: on });
});
$("destroy").addEventListener("click", () => { if (confirm(fill(w.sure, { n: chosen }))) post("destroy"); });

// The stream.

function live(on) {
  $("live").classList.toggle("off", !on);
  $("live").textContent = on ? w.connected : "";
  $("lost").textContent = on ? "" : w.lost;
  $("lost").hidden = on;
}
async function readAll() {
  const numbers = await (await fetch("/devices")).json();
  await Promise.all(numbers.map(read));
  for (const number of devices.keys()) if (!numbers.includes(number)) devices.delete(number);
  drawDevices();
  const wanted = Number(location.hash.slice(1));
  if (!devices.has(chosen) && numbers.length) pick(numbers.includes(wanted) ? wanted : numbers[0]);
  $("sha256").textContent = (await (await fetch("/firmware")).json()).sha256;
}
let heardAt = Date.now();
function follow() {
  const stream = new EventSource("/events");
  stream.addEventListener("hello", (event) => {
    heardAt = Date.now();
    offsetNs = performance.now() * 1e6 - JSON.parse(event.data).t_ns;
    readAll().then(() => live(true), () => live(false));
  });
  stream.addEventListener("ping", () => { heardAt = Date.now(); });
  stream.addEventListener("pin", (event) => { heardAt = Date.now(); take(JSON.parse(event.data)); });
  stream.onerror = () => {
    live(false);
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, 2000);
  };
}
// A connection can die without a word: silence for longer than two pings is a lost connection, too.
setInterval(() => { if (Date.now() - heardAt > 25000) live(false); }, 1000);
setInterval(() => { for (const d of devices.values()) d.pattern.still(nowNs()); }, 50);

// The words.

document.documentElement.lang = language;
document.title = w.title;
for (const node of document.querySelectorAll("[data-word]")) node.textContent = w[node.dataset.word];
button.setAttribute("aria-label", w.press);
$("strip").setAttribute("aria-label", fill(w.strip, { s: w.nothing }));
$("languages").append(...LANGUAGES.map((code) => el("a", { href: `?lang=${code}`, lang: code, ...(code === language ? { "aria-current": "true" } : {}) }, code)));
$("gestures").append(...gestures(language).map(([gesture, meaning]) => el("tr", {}, el("th", { scope: "row" }, gesture), el("td", {}, meaning))));
$("patterns").append(...Object.entries(PATTERNS).map(([name, p]) => {
  const run = { colour: p.colour.join(""), pulses: Array.from({ length: p.pulses }, (_, i) => ({ up: i * (p.on_ms + p.off_ms) * 1e6, down: (i * (p.on_ms + p.off_ms) + p.on_ms) * 1e6 })) };
  return el("tr", {}, el("td", {}, pulses(run, 130), el("span", { class: "hidden" }, `${p.pulses} × ${p.on_ms} ms, ${fill(w.light, { c: w["c" + run.colour] })}`)), el("td", {}, el("strong", {}, capital(w["name_" + name])), " ", w["says_" + name]));
}));
const slow = matchMedia("(prefers-reduced-motion: reduce)");
let drawnAt = 0;
function frame(at) {
  if (at - drawnAt > (slow.matches ? 500 : 30)) { drawnAt = at; drawStrip(); }
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);
follow();
