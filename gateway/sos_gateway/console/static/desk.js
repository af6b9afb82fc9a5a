// The desk, live: list, map, details, sound. Every text goes in as text, never as markup.
const setup = JSON.parse(document.getElementById("setup").textContent);
const w = setup.words;
const incidents = new Map();
let chosen = null;

const OVER = ["closed", "cancelled"];
const SIGN = { open: "!", pending: "…", accepted: "✓", on_scene: "✓", closed: "–", cancelled: "×" };

const el = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const capital = (text) => text.charAt(0).toLocaleUpperCase(setup.language) + text.slice(1);
const kind = (incident) => capital(w["kind_" + incident.kind] || incident.kind);
// In the browser's zone; with the day where it is not today's.
const clock = (text) => {
  if (!text) return "–";
  const at = new Date(text);
  const time = at.toLocaleTimeString(setup.language, { hour12: false });
  return at.toDateString() === new Date().toDateString() ? time : `${at.toLocaleDateString(setup.language, { day: "numeric", month: "short" })} ${time}`;
};
const age = (text) => {
  const seconds = Math.max(0, Math.round((Date.now() - new Date(text)) / 1000));
  const told = seconds < 90 ? `${seconds} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
  return w.ago.replace("{t}", told);
};

// Requests.

async function api(path, body) {
  const answer = await fetch(path, {
    method: body === undefined ? "GET" : "POST",
    headers: { "content-type": "application/json", "x-csrf": setup.csrf },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.status === 401) location.href = "/login";
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
}

const ageNode = (text) => el("span", { class: "age", "data-at": text, title: clock(text) }, age(text));
// She may be elsewhere by now: a position of before is not shown as one of now.
const OLD_MS = 5 * 60 * 1000;
const isOld = (position) => !position.at || Date.now() - new Date(position.at) > OLD_MS;
const oldNode = (position) => el("span", { class: "old mark-word", "data-since": position.at || "", ...(isOld(position) ? {} : { hidden: "" }) }, w.old);
const until = (text) => w.opens_in.replace("{t}", Math.max(0, Math.ceil((new Date(text) - Date.now()) / 1000)));
const untilNode = (text) => el("span", { class: "until", "data-until": text }, until(text));

const say = (text) => { document.getElementById("said").textContent = text; };

// Sound: browsers make none before the page was clicked, and the page says so.

let audio = null;
const soundButton = document.getElementById("sound");
function arm() {
  audio = audio || new AudioContext();
  audio.resume().then(showSound);
}
function showSound() {
  const armed = audio !== null && audio.state === "running";
  soundButton.setAttribute("aria-pressed", String(armed));
  soundButton.textContent = armed ? w.armed : w.not_armed;
}
function beep() {
  const ringing = [...incidents.values()].some((incident) => incident.state === "open");
  document.body.dataset.ringing = String(ringing);
  if (!ringing || !audio || audio.state !== "running") return;
  const now = audio.currentTime;
  for (const [start, pitch] of [[0, 880], [0.22, 660], [0.44, 880]]) {
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    tone.type = "square";
    tone.frequency.value = pitch;
    loudness.gain.setValueAtTime(0.25, now + start);
    loudness.gain.exponentialRampToValueAtTime(0.001, now + start + 0.2);
    tone.connect(loudness).connect(audio.destination);
    tone.start(now + start);
    tone.stop(now + start + 0.2);
  }
}
soundButton.addEventListener("click", arm);
document.addEventListener("keydown", arm, { once: true });
// Not when it goes down: the button's shorter word moves a narrow page, and what was meant would be missed.
document.addEventListener("click", arm, { once: true });
setInterval(beep, 1500);

// List.

function ranked() {
  return [...incidents.values()].sort((a, b) => {
    for (let i = 0; i < a.rank.length; i++) if (a.rank[i] !== b.rank[i]) return a.rank[i] - b.rank[i];
    return b.id - a.id;
  });
}
function marks(incident) {
  const found = [];
  if (incident.press_count > 1) found.push(`${w.presses}: ${incident.press_count}`);
  if (incident.late) found.push(w.late);
  if (incident.disputed) found.push(w.disputed);
  if (incident.says_false_alarm) found.push(w.false_alarm);
  return found;
}
function row(incident) {
  const button = el(
    "button",
    { type: "button", class: `incident ${incident.state}`, "data-id": incident.id, "aria-current": String(incident.id === chosen) },
    el("span", { class: "sign", "aria-hidden": "true" }, SIGN[incident.state]),
    el("span", { class: "what" }, `${kind(incident)} · ${incident.town_name}`),
    el("span", { class: "state" }, w["state_" + incident.state]),
    el("span", { class: "person" }, incident.wearer),
    ageNode(incident.occurred_at),
  );
  // Two moments, and an officer must not take one for the other.
  if (incident.late) button.append(el("span", { class: "times" }, w.both_times.replace("{a}", clock(incident.occurred_at)).replace("{b}", clock(incident.received_at))));
  if (incident.state === "pending" && incident.pending_until) button.append(el("span", { class: "times" }, untilNode(incident.pending_until)));
  const words = marks(incident);
  if (words.length) button.append(el("span", { class: "marks" }, ...words.map((word) => el("span", { class: "mark-word" }, word))));
  if (incident.state === "open" && Date.now() - new Date(incident.received_at) < 10000) button.classList.add("fresh");
  button.addEventListener("click", () => choose(incident.id));
  return el("li", {}, button);
}
function drawList() {
  const focused = document.activeElement?.dataset?.id;
  const all = ranked();
  document.getElementById("incidents").replaceChildren(...all.map(row));
  document.getElementById("none").hidden = all.length > 0;
  const waiting = all.filter((incident) => !OVER.includes(incident.state)).length;
  document.getElementById("count").textContent = waiting ? `(${waiting})` : "";
  document.title = waiting ? `(${waiting}) ${w.title}` : w.title;
  if (focused) document.querySelector(`.incident[data-id="${focused}"]`)?.focus();
}
setInterval(() => {
  for (const node of document.querySelectorAll(".age")) node.textContent = age(node.dataset.at);
  for (const node of document.querySelectorAll(".until")) node.textContent = until(node.dataset.until);
  for (const node of document.querySelectorAll(".old")) node.hidden = !isOld({ at: node.dataset.since });
}, 1000);

// Map.

const map = L.map("map", { zoomControl: true, zoomSnap: 0.25, attributionControl: Boolean(setup.tiles) }).setView([41.39, 2.1], 10);
if (setup.tiles) L.tileLayer(setup.tiles, { maxZoom: 19 }).addTo(map);
function drawTowns(shapes) {
  const layer = L.geoJSON(shapes, {
    pane: "land",
    style: { className: "boundary", weight: 1, fillOpacity: setup.tiles ? 0 : 0.85 },
    onEachFeature: (feature, shape) => shape.bindTooltip(feature.properties.name, { permanent: true, direction: "center", className: "town", pane: "towns" }),
  }).addTo(map);
  if (!chosen) map.fitBounds(layer.getBounds(), { animate: false });
}
// Land lies below the names of towns, and both below the incidents.
map.createPane("land").style.zIndex = 300;
map.createPane("towns").style.zIndex = 350;
// The map can wait; alarms cannot: towns that could not be had now are asked for again.
const askForTowns = () =>
  fetch("/boundaries.geojson").then((answer) => answer.json()).then(drawTowns, () => setTimeout(askForTowns, 5000));
askForTowns();
// Thirty-six names have no room on a map of everything.
const showNames = () => document.getElementById("map").classList.toggle("far", map.getZoom() < 11.5);
map.on("zoomend", showNames);
showNames();
L.control.scale({ imperial: false }).addTo(map);
const markers = L.layerGroup().addTo(map);
const COLOUR = { open: "#b3001b", pending: "#5a6472", accepted: "#1f6b3a", on_scene: "#1f6b3a", closed: "#14213d", cancelled: "#14213d" };
// The way she came, as her own device tells it: a line through the middles of circles, each as large as it is unsure.
let track = { id: null, points: [] };
function drawTrack(colour) {
  const points = track.points.map((point) => [point.lat, point.lon]);
  if (points.length < 2) return;
  L.polyline(points, { color: colour, weight: 3, opacity: 0.75, className: "track", interactive: false }).addTo(markers);
  for (const point of track.points.slice(0, -1)) {
    const dot = L.circleMarker([point.lat, point.lon], { radius: 4, color: colour, weight: 1.5, fillColor: "#ffffff", fillOpacity: 1, className: "point" });
    const within = point.radius_m ? ` · ${w.within.replace("{m}", point.radius_m)}` : "";
    dot.bindTooltip(() => el("span", {}, `${clock(point.at)} · ${age(point.at)}${within}`)).addTo(markers);
  }
}
const howOld = (position) => [position.at ? age(position.at) : w.age_unknown, ...(isOld(position) ? [w.old] : [])].join(" · ");
function drawMap() {
  markers.clearLayers();
  // The chosen one comes last and lies on top.
  for (const incident of [...incidents.values()].sort((a, b) => (a.id === chosen) - (b.id === chosen))) {
    if (!incident.position || (OVER.includes(incident.state) && incident.id !== chosen)) continue;
    const at = [incident.position.lat, incident.position.lon];
    const colour = COLOUR[incident.state];
    const old = isOld(incident.position);
    if (incident.position.radius_m) L.circle(at, { radius: incident.position.radius_m, color: colour, weight: 1.5, fillOpacity: old ? 0.04 : 0.12, dashArray: old ? "6 6" : null, className: "reach" }).addTo(markers);
    if (incident.id === chosen && track.id === chosen) drawTrack(colour);
    const dot = L.circleMarker(at, { radius: incident.id === chosen ? 11 : 8, color: "#ffffff", weight: 2, fillColor: colour, fillOpacity: old ? 0.6 : 1, dashArray: incident.disputed ? "3 3" : null });
    // A string would go in as markup.
    dot.bindTooltip(() => el("span", {}, `${kind(incident)} · ${incident.wearer} · ${howOld(incident.position)}`)).on("click", () => choose(incident.id)).addTo(markers);
  }
}

// Details.

function line(term, ...parts) {
  return parts[0] ? [el("dt", {}, term), el("dd", {}, ...parts)] : [];
}
function where(incident) {
  const p = incident.position;
  if (!p) return [w.unknown];
  const parts = [`${p.lat.toFixed(5)}, ${p.lon.toFixed(5)}`];
  if (p.radius_m) parts.push(w.within.replace("{m}", p.radius_m));
  if (p.source) parts.push(p.source === "device" ? w.by_device : w.heard_by.replace("{s}", p.source));
  const text = parts.join(" · ");
  return [text + " · ", p.at ? ageNode(p.at) : w.age_unknown, " ", oldNode(p)];
}
// A cell is kilometres wide: its name says where to ask, and no coordinates are made of it.
const cellOf = (incident) => (incident.cell ? [incident.cell.name, " · ", ageNode(incident.cell.at)] : []);
const ways = (heard) => heard.map((way) => w["via_" + way.via] + (way.hub ? ` (${way.hub})` : "")).join(", ");
// What a fall felt like: drawn by the gateway, and told in words to who does not see it. A new picture with each piece.
// One that is on the page already is put back as it is, not fetched again.
let pictures = new Map();
const plot = (incident, felt) => {
  const asked = new URLSearchParams({ boot: felt.boot, seq: felt.seq, lang: setup.language, pieces: felt.pieces });
  const part = felt.pieces < felt.of ? ` · ${w.evidence_part.replace("{n}", felt.pieces).replace("{of}", felt.of)}` : "";
  const src = `/api/incidents/${incident.id}/evidence.svg?${asked}`;
  const picture = pictures.get(src) || el("img", { src, alt: felt.told, width: 360, height: 210 });
  return el("figure", { class: "evidence" }, el("figcaption", { class: "quiet" }, `${w.evidence} · ${clock(felt.at)}${part}`), picture);
};
const plots = (incident) => {
  const found = incident.evidence.map((felt) => plot(incident, felt));
  pictures = new Map(found.map((figure) => [figure.lastChild.getAttribute("src"), figure.lastChild]));
  return found;
};
const fault = (what) => w["fault_" + what.fault] || what.fault;
const note = (text) => w["kind_" + text] || w["disposition_" + text] || text;
const who = (text) => (text === "timer" ? w.timer : text.replace(/^device (?=\d+$)/, w.device + " "));
function actions(incident) {
  const box = el("div", { class: "actions" });
  if (["pending", "open"].includes(incident.state)) {
    const accept = el("button", { type: "button", class: "primary", id: "accept" }, w.accept);
    accept.addEventListener("click", () => act(`/api/incidents/${incident.id}/accept`, {}));
    box.append(accept);
  }
  if (["accepted", "on_scene"].includes(incident.state)) {
    const select = el("select", { id: "disposition", "aria-label": w.close_as }, ...setup.dispositions.map((d) => el("option", { value: d }, w["disposition_" + d])));
    const close = el("button", { type: "button", id: "close" }, w.close);
    close.addEventListener("click", () => act(`/api/incidents/${incident.id}/close`, { disposition: select.value }));
    box.append(el("div", { class: "row" }, el("label", { for: "disposition", class: "quiet" }, w.close_as), select, close));
  }
  box.append(el("p", { class: "trouble", role: "alert", id: "trouble" }));
  return box;
}
let asked = 0; // an answer that was overtaken by a later question must not be drawn over it
async function drawDetails() {
  const incident = incidents.get(chosen);
  const box = document.getElementById("details");
  if (!incident) return;
  const question = ++asked;
  const full = await api(`/api/incidents/${chosen}?lang=${setup.language}`).catch(() => null);
  if (!full || full.id !== chosen || question !== asked) return;
  // What an officer was about to do survives the drawing of what has changed meanwhile.
  const same = box.dataset.id === String(full.id);
  const trouble = same ? document.getElementById("trouble")?.textContent : "";
  const focused = box.contains(document.activeElement) ? document.activeElement.id : "";
  const disposition = same ? document.getElementById("disposition")?.value : "";
  box.dataset.id = full.id;
  const followed = track.id === full.id && track.points.length > 1;
  track = { id: full.id, points: full.track };
  drawMap();
  showTrack(followed);
  box.replaceChildren(
    el("p", { class: "big" }, `${kind(full)} · ${w["state_" + full.state]}`),
    el("dl", {},
      ...line(w.name, full.wearer),
      ...line(w.town, [full.town_name, ...full.also_towns].join(", ")),
      ...line(w.position, ...where(full)),
      ...line(w.cell, ...cellOf(full)),
      ...line(w.occurred, `${clock(full.occurred_at)} · `, ageNode(full.occurred_at)),
      ...line(w.received, `${clock(full.received_at)} · `, ageNode(full.received_at)),
      ...(full.state === "pending" && full.pending_until ? line(w.opens, untilNode(full.pending_until)) : []),
      ...line(w.risen, ...(full.risen_at ? [`${clock(full.risen_at)} · `, ageNode(full.risen_at)] : [])),
      ...line(w.presses, String(full.press_count)),
      ...line(w.device, String(full.device)),
      ...line(w.came_by, ways(full.heard)),
      ...line(w.faults, full.faults.map(fault).join(", ")),
      ...line(w.accepted_by, full.accepted_by),
    ),
    ...(marks(full).length ? [el("p", { class: "marks" }, ...marks(full).map((word) => el("span", { class: "mark-word" }, word)))] : []),
    ...(full.raw ? [el("p", { class: "quiet" }, w.raw), el("p", { class: "raw" }, full.raw.replace(/../g, "$& ").trim())] : []),
    actions(full),
    ...plots(full),
    el("h2", {}, w.history),
    el("ol", { class: "history" }, ...full.history.map((step) => el("li", {}, el("time", { datetime: step.at }, clock(step.at)), [w["what_" + step.what] || step.what, who(step.who), note(step.note)].filter(Boolean).join(" · ")))),
  );
  if (trouble) document.getElementById("trouble").textContent = trouble;
  const select = document.getElementById("disposition");
  if (select && disposition) select.value = disposition;
  if (focused) (document.getElementById(focused) || select || document.getElementById("accept"))?.focus();
}
async function act(path, body) {
  try {
    take(await api(path, body));
  } catch (error) {
    document.getElementById("trouble").textContent = error.message;
    say(error.message);
  }
}
function choose(id) {
  chosen = id;
  const incident = incidents.get(id);
  drawList();
  drawMap();
  document.getElementById("details").replaceChildren();
  delete document.getElementById("details").dataset.id;
  drawDetails();
  show(incident);
}
function show(incident) {
  if (!incident?.position) return;
  const zoom = Math.max(map.getZoom(), setup.tiles ? 15 : 12);
  // While the map glides from one zoom to another it would not hear of the next place.
  map.setView([incident.position.lat, incident.position.lon], zoom, { animate: zoom === map.getZoom() });
}
// The whole way at first; then where the officer looks is left alone, as long as she who is followed is in sight.
function showTrack(followed) {
  const newest = track.points.at(-1);
  if (track.points.length < 2 || (followed && map.getBounds().contains([newest.lat, newest.lon]))) return;
  const bounds = L.latLngBounds([]);
  for (const point of track.points) bounds.extend(L.latLng(point.lat, point.lon).toBounds(2 * (point.radius_m || 0)));
  map.fitBounds(bounds, { maxZoom: 17, padding: [40, 40], animate: false });
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || ["SELECT", "INPUT"].includes(event.target.tagName)) return;
  const all = ranked();
  const place = all.findIndex((incident) => incident.id === chosen);
  if (event.key === "a" || event.key === "A") document.getElementById("accept")?.click();
  else if (event.key === "ArrowDown" && all.length) choose(all[Math.min(place + 1, all.length - 1)].id);
  else if (event.key === "ArrowUp" && all.length) choose(all[Math.max(place - 1, 0)].id);
  else return;
  // Focus goes along: whoever works by ear hears the row, and Tab goes on from it.
  if (event.key.startsWith("Arrow")) document.querySelector(`.incident[data-id="${chosen}"]`)?.focus();
  event.preventDefault();
});

// The stream.

function take(incident) {
  const before = incidents.get(incident.id);
  incidents.set(incident.id, incident);
  takenMeanwhile?.push(incident);
  if (incident.state === "open" && before?.state !== "open") say(`${w.new_alarm}: ${kind(incident)}, ${incident.wearer}, ${incident.town_name}`);
  if (chosen === null && !OVER.includes(incident.state)) choose(incident.id);
  drawList();
  drawMap();
  if (incident.id === chosen) {
    drawDetails();
    if (incident.position && !before?.position) show(incident);
  }
  beep();
}
function live(on) {
  const sign = document.getElementById("live");
  sign.classList.toggle("off", !on);
  sign.textContent = on ? w.connected : "";
  document.getElementById("lost").hidden = on;
}
// What the stream brings while the list is under way may be newer than the list: it is laid over it, never under.
let takenMeanwhile = null;
async function readAll() {
  const meanwhile = (takenMeanwhile = []);
  const all = await api("/api/incidents").finally(() => { if (takenMeanwhile === meanwhile) takenMeanwhile = null; });
  incidents.clear();
  for (const incident of [...all, ...meanwhile]) incidents.set(incident.id, incident);
  if (!incidents.has(chosen)) chosen = null;
  drawList();
  drawMap();
  const first = ranked()[0];
  if (chosen === null && first && !OVER.includes(first.state)) choose(first.id);
  else if (chosen !== null) drawDetails();
}
// What devices cannot do. It can wait: it is asked for now and then.
async function readFaults() {
  const devices = await api("/api/faults").catch(() => null);
  if (!devices) return;
  document.getElementById("faults").hidden = !devices.length;
  document.getElementById("faulty").replaceChildren(
    ...devices.map((device) => el("li", {},
      el("span", { class: "what" }, `${w.device} ${device.device} · ${device.wearer} · ${device.town_name}`),
      ...device.faults.map((what) => el("span", { class: "fault" }, `${fault(what)} · `, ageNode(what.fault === "unopened" ? what.seen_at : what.since))),
    )),
  );
}
setInterval(readFaults, 20000);
let heardAt = Date.now();
function follow() {
  const stream = new EventSource("/api/events");
  const heard = () => { heardAt = Date.now(); };
  const again = () => { live(false); stream.close(); setTimeout(follow, 2000); };
  stream.addEventListener("hello", () => { heard(); readAll().then(() => live(true), again); readFaults(); });
  stream.addEventListener("ping", heard);
  stream.addEventListener("incident", (event) => { heard(); take(JSON.parse(event.data)); });
  stream.onerror = () => {
    live(false);
    if (stream.readyState !== EventSource.CLOSED) return;
    api("/api/me").catch(() => null); // a session that has ended leads to the log-in
    setTimeout(follow, 2000);
  };
}
// A connection can die without a word: silence for longer than two pings is a lost connection, too.
setInterval(() => { if (Date.now() - heardAt > 25000) live(false); }, 1000);
document.getElementById("logout").addEventListener("click", async () => {
  await api("/api/logout", {}).catch(() => null);
  location.href = "/login";
});
follow();
showSound();
