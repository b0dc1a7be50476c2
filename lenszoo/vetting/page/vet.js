// The vetting page: state, keys, and the three ways to look at candidates.

import { showAgreement } from "./agreement.js";
import { chosen } from "./choice.js";
import { Grid } from "./grid.js";
import { Outbox } from "./saving.js";
import { Single } from "./single.js";

const $ = (id) => document.getElementById(id);
const GRADES = ["A", "B", "C", "X"];
const NAMES = { A: "definite lens", B: "probable lens", C: "possible lens", X: "no lens" };
const LONGEST_LOOK = 600; // s

const state = {
  session: null, grader: "", blind: false, mode: "grid",
  view: "colour", linear: false, wide: false, pixels: false,
  keys: [], ids: [], grades: [], others: null, columns: {}, rowOf: new Map(),
  order: [], cursor: 0, since: performance.now(),

  fact(name, row) {
    const values = this.columns[name];
    return values ? (values[row] ?? null) : null;
  },
  percent(value) {
    return value.toFixed(value > 0.995 ? 4 : value < 0.005 ? 4 : 3);
  },
  describe(row) {
    const parts = [this.blind ? "Candidate" : `Candidate ${this.ids[row]}`];
    const prob = this.fact("prob", row);
    if (prob !== null) parts.push(`probability ${this.percent(prob)}`);
    if (this.fact("known", row)) parts.push(`known lens ${this.fact("known", row)}`);
    parts.push(this.grades[row] ? `graded ${this.grades[row]}` : "not graded");
    return parts.join(", ");
  },
  picture(row, kind, view = this.view) {
    return this.pictureOf(this.keys[row], kind, view);
  },
  pictureOf(key, kind, view = this.view) {
    const name = this.linear ? view.replace("asinh-", "linear-") : view;
    return `/image/${key}?view=${name}&field=${this.wide ? 2 : 1}&kind=${kind}`;
  },
  async get(address) {
    const query = new URLSearchParams();
    if (this.grader) query.set("grader", this.grader);
    if (this.blind) query.set("blind", "1");
    try {
      const response = await fetch(`${address}?${query}`);
      const content = await response.json();
      if (response.ok) return content;
      toast(content.error);
    } catch {
      toast("The server does not answer. Is lenszoo vet still running?");
    }
    return null;
  },
};

let outbox;
const grid = new Grid(state, (at) => select(at), (at) => { select(at); go("single"); });
const single = new Single(state, (at) => select(at), (name) => setView(name));

start();

async function start() {
  state.session = await state.get("/api/session");
  if (!state.session) return;
  const { session } = state;
  document.title = `${session.name} \u2013 lenszoo vet`;
  $("results").textContent = session.name;
  outbox = new Outbox(session.file, saved, answered);
  if (session.controls)
    $("name-controls").textContent = `; ${session.controls} controls are mixed in`;
  if (session.gone)
    toast(`${session.gone} graded candidates are in these results no more; their grades are kept.`);
  for (const [name, label] of session.views) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("role", "radio");
    button.dataset.view = name;
    button.textContent = label;
    button.addEventListener("click", () => setView(name));
    $("views").append(button);
  }
  state.grader = localStorage.getItem("lenszoo-vet-grader") || "";
  state.blind = session.always_blind || localStorage.getItem("lenszoo-vet-blind") === "1";
  setView(state.view);
  if (state.grader) await load();
  else askName();
  outbox.flush();
}

async function load() {
  const list = await state.get("/api/candidates");
  if (!list) return;
  state.blind = list.blind;
  state.keys = list.keys;
  state.ids = list.ids || [];
  state.grades = list.grades;
  state.others = list.others || null;
  state.columns = list.columns || {};
  state.rowOf = new Map(list.keys.map((key, row) => [key, row]));
  for (const { grader, event } of outbox.events)
    if (grader === state.grader && state.rowOf.has(event.key))
      state.grades[state.rowOf.get(event.key)] = event.grade;
  $("who").textContent = state.grader;
  $("blind").setAttribute("aria-pressed", String(state.blind));
  $("blind").disabled = state.session.always_blind;
  const controlled = state.blind && state.session.controls > 0;
  $("wide").hidden = state.session.widest < 2 || controlled;
  if ($("wide").hidden) state.wide = false;
  choices();
  arrange();
  const first = state.order.findIndex((row) => !state.grades[row]);
  state.cursor = Math.max(0, first);
  go(state.mode);
}

function choices() {
  const open = !state.blind;
  const has = (name) => open && state.columns[name]?.some((value) => value !== null);
  fillSelect($("sort"), [
    ["given", open ? "best first" : "shuffled"],
    open && ["last", "worst first"],
    open && ["random", "at random"],
    ["grade", "my grade"],
    has("ra") && ["ra", "right ascension"],
    open && ["id", "id"],
  ]);
  fillSelect($("filter"), [
    ["all", "all"],
    ["open", "not graded"],
    ...GRADES.map((grade) => [grade, `my ${grade}`]),
    has("known") && ["known", "known lenses"],
    has("known") && ["new", "not known"],
    open && ["dispute", "graders differ"],
  ]);
  $("find").disabled = state.blind;
}

function fillSelect(select, options) {
  const before = select.value;
  select.replaceChildren(...options.filter(Boolean).map(([value, label]) => new Option(label, value)));
  if ([...select.options].some((option) => option.value === before)) select.value = before;
}

// Filter and sort; the candidate in sight stays where it is still listed.
function arrange() {
  const current = state.order[state.cursor];
  state.order = chosen(state, $("filter").value, $("sort").value, $("find").value);
  state.cursor = Math.max(0, state.order.indexOf(current));
  const empty = !state.order.length && state.mode !== "agreement";
  $("empty").hidden = !empty;
  $("empty").textContent = empty ? "No candidate is shown with this choice." : "";
  grid.layout();
  progress();
}

function go(mode) {
  state.mode = mode;
  document.body.dataset.mode = mode;
  for (const button of document.querySelectorAll("[data-go]"))
    button.setAttribute("aria-current", button.dataset.go === mode ? "page" : "false");
  $("empty").hidden = mode === "agreement" || state.order.length > 0;
  state.since = performance.now();
  if (mode === "agreement") showAgreement(state, openKey);
  if (mode === "single") single.show(true);
  if (mode === "grid") {
    grid.layout();
    if (state.order.length) grid.reveal(state.cursor);
    grid.refresh();
    $("grid").focus({ preventScroll: true });
  }
}

function openKey(key) {
  const row = state.rowOf.get(key);
  if (row === undefined) return;
  if (!state.order.includes(row)) {
    $("filter").value = "all";
    $("find").value = "";
    arrange();
  }
  state.cursor = state.order.indexOf(row);
  go("single");
}

function select(at) {
  if (!state.order.length) return;
  state.cursor = Math.min(state.order.length - 1, Math.max(0, at));
  state.since = performance.now();
  show(true);
}

function show(newCandidate) {
  if (state.mode === "single") single.show(newCandidate);
  if (state.mode === "grid") {
    if (newCandidate && state.order.length) grid.reveal(state.cursor);
    grid.refresh();
  }
}

function grade(letter) {
  if (state.mode === "agreement" || !state.order.length) return;
  if (!state.grader) return askName();
  const row = state.order[state.cursor];
  const seconds = (performance.now() - state.since) / 1000;
  state.grades[row] = letter;
  outbox.add(state.grader, {
    key: state.keys[row], grade: letter, blind: state.blind,
    seconds: seconds < LONGEST_LOOK ? Math.round(seconds * 100) / 100 : null,
  });
  say(`${letter}, ${NAMES[letter]}`);
  progress();
  if (state.cursor < state.order.length - 1) select(state.cursor + 1);
  else show(false);
}

function undo() {
  if (state.grader) outbox.add(state.grader, { undo: true });
}

function nextOpen() {
  const n = state.order.length;
  for (let k = 1; k <= n; k += 1) {
    const at = (state.cursor + k) % n;
    if (!state.grades[state.order[at]]) return select(at);
  }
  toast("All candidates shown have a grade.");
}

// The server's answer to an event; undo tells which candidate has which grade now.
function answered(result, event) {
  if (result.state === "failed") return toast(`Not saved yet: ${result.reason}`);
  if (result.state === "refused") return toast(`Refused: ${result.reason || "not understood"}.`);
  if (!event.undo) return;
  const row = state.rowOf.get(result.key);
  if (row === undefined) return toast(result.key ? "That candidate is gone." : "Nothing to undo.");
  state.grades[row] = result.grade;
  const at = state.order.indexOf(row);
  say(`undone; ${result.grade ? `graded ${result.grade}` : "not graded"}`);
  progress();
  if (at >= 0) select(at);
  else show(false);
}

function saved(status, waiting) {
  const texts = { saved: "All saved", saving: "Saving\u2026", offline: `${waiting} not saved yet` };
  $("saved").textContent = texts[status];
  $("saved").dataset.status = status;
}

function progress() {
  const total = state.keys.length;
  const counts = Object.fromEntries(GRADES.map((each) => [each, 0]));
  for (const each of state.grades) if (each) counts[each] += 1;
  const done = GRADES.reduce((sum, each) => sum + counts[each], 0);
  for (const part of $("bar").children)
    part.style.width = `${total ? (100 * counts[part.dataset.grade]) / total : 0}%`;
  $("progress").textContent = `${done.toLocaleString("en")} of ${total.toLocaleString("en")} graded`;
  $("progress").title = GRADES.map((each) => `${each} ${counts[each]}`).join(", ");
}

function setView(name) {
  state.view = name;
  for (const button of $("views").children)
    button.setAttribute("aria-checked", String(button.dataset.view === name));
  show(false);
}

function toggle(name) {
  if ($(name).hidden) return;
  state[name] = !state[name];
  $(name).setAttribute("aria-pressed", String(state[name]));
  document.body.classList.toggle("pixelated", state.pixels);
  show(false);
}

async function setBlind(blind) {
  if (state.session.always_blind) return;
  state.blind = blind;
  localStorage.setItem("lenszoo-vet-blind", blind ? "1" : "0");
  state.order = [];
  await load();
}

function askName() {
  $("name").value = state.grader;
  $("name-blind").checked = state.blind;
  $("name-blind").disabled = state.session.always_blind;
  $("name-fault").textContent = "";
  $("name-dialog").showModal();
  $("name").select();
}

$("name-dialog").addEventListener("cancel", (event) => {
  if (!state.grader) event.preventDefault();
});
$("name-dialog").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = $("name").value.normalize("NFC").trim();
  if (!name) return ($("name-fault").textContent = "A name is needed.");
  state.grader = name;
  state.blind = state.session.always_blind || $("name-blind").checked;
  localStorage.setItem("lenszoo-vet-grader", name);
  localStorage.setItem("lenszoo-vet-blind", state.blind ? "1" : "0");
  state.order = [];
  $("name-dialog").close();
  await load();
});

for (const button of document.querySelectorAll("[data-go]"))
  button.addEventListener("click", () => go(button.dataset.go));
for (const button of document.querySelectorAll(".grades button"))
  button.addEventListener("click", () => grade(button.dataset.grade));
for (const name of ["linear", "wide", "pixels"]) $(name).addEventListener("click", () => toggle(name));
$("blind").addEventListener("click", () => setBlind(!state.blind));
$("sort").addEventListener("change", () => { arrange(); show(true); });
$("filter").addEventListener("change", () => { arrange(); show(true); });
$("find").addEventListener("input", () => { arrange(); show(true); });
$("size").addEventListener("input", () => {
  grid.size = Number($("size").value);
  grid.layout();
  if (state.order.length) grid.reveal(state.cursor);
});
$("who").addEventListener("click", askName);
$("help-button").addEventListener("click", () => $("help").showModal());
$("previous").addEventListener("click", () => select(state.cursor - 1));
$("next").addEventListener("click", () => select(state.cursor + 1));
$("undo").addEventListener("click", undo);
window.addEventListener("beforeunload", (event) => {
  if (outbox?.events.length) event.preventDefault();
});

const across = () => (state.mode === "grid" ? grid.columns : 1);
const page = () => across() * Math.max(1, Math.floor($("grid").clientHeight / (grid.step || 1)));
const KEYS = {
  a: () => grade("A"), b: () => grade("B"), c: () => grade("C"), x: () => grade("X"),
  u: undo, n: nextOpen,
  arrowright: () => select(state.cursor + 1), j: () => select(state.cursor + 1),
  arrowleft: () => select(state.cursor - 1), k: () => select(state.cursor - 1),
  arrowdown: () => select(Math.min(state.cursor + across(), state.order.length - 1)),
  arrowup: () => select(state.cursor - across() < 0 ? state.cursor : state.cursor - across()),
  pagedown: () => select(state.cursor + page()), pageup: () => select(state.cursor - page()),
  home: () => select(0), end: () => select(state.order.length - 1),
  enter: () => go("single"), escape: () => go("grid"), g: () => go("agreement"),
  l: () => toggle("linear"), w: () => toggle("wide"), p: () => toggle("pixels"),
  z: () => single.zoomTo(single.zoom > 1 ? 1 : 3), "0": () => single.zoomTo(1),
  "+": () => single.zoomTo(single.zoom * 1.25), "-": () => single.zoomTo(single.zoom * 0.8),
  "/": () => { if (!$("find").disabled) $("find").focus(); }, "?": () => $("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || !state.session) return;
  const { target } = event;
  if (target.matches("input[type=search], select")) {
    if (event.key === "Escape" || (event.key === "Enter" && target.id === "find")) $("grid").focus();
    return;
  }
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && key === "z") {
    event.preventDefault();
    return undo();
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.matches("button, a, input") && ["enter", " "].includes(key)) return;
  if (target.matches("input[type=range]") && key.startsWith("arrow")) return;
  const view = state.session.views[Number(key) - 1];
  const action = view ? () => setView(view[0]) : KEYS[key];
  if (!action) return;
  event.preventDefault();
  action();
});

function say(text) {
  $("say").textContent = text;
}

let toastTimer;
function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, 7000);
}
