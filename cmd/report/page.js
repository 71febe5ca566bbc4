/*
 * The page of one run (docs/report.md). It reads the JSON that cmd/report/page.c wrote into this file,
 * column by column in the same order, and shows it. Everything that came off a wire reaches the
 * document by textContent or a canvas, never as markup. All that is long is drawn only where it is looked at.
 */
"use strict";
(() => {
const $ = (id) => document.getElementById(id);
const run = JSON.parse($("data").textContent);

/* ---- the run, unpacked ---- */

const FLAGS = "FSRP.U";
const ACK = 16, SYN = 2, FIN = 1;
const STARTED = 0, STOPPED = 1, AVAILABLE = 2, WORKING = 3, USED = 4, COLLECTED = 5, NOTIFIED = 6;

const total = run.order.length;
const time = new Float64Array(total);              /* ns since power-on, of each event */
const nth = new Uint32Array(total);                /* which of its kind it is */
const eventOf = { L: [], F: [], R: [] };           /* and back */
{
  let at = 0;
  for (let i = 0; i < total; i++) {
    const list = eventOf[run.order[i]];
    time[i] = at += run.times[i + 1];
    nth[i] = list.length;
    list.push(i);
  }
}

/* Characters that would not show, or turn the text around, as their numbers. */
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g;
const shown = (text) => text.replace(HIDDEN, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));

const address = (n) => [n >>> 24, n >>> 16 & 255, n >>> 8 & 255, n & 255].join(".");

const frames = [];
const connections = [];
{
  const from = run.frames, byPorts = new Map();
  let at = 1, text = 0, offset = 0, ends = null, last = null;

  const connection = (f) => {
    const out = f.dir === 0, [si, sp, di, dp] = ends;
    const name = out ? `${address(si)}:${sp} ${address(di)}:${dp}` : `${address(di)}:${dp} ${address(si)}:${sp}`;
    let c = byPorts.get(name);
    if (!c && f.error && last) return last;   /* damage makes no connection */
    const fresh = (f.flags & (SYN | ACK)) === SYN;

    if (!c || (fresh && c.first[f.dir] !== null && c.first[f.dir] !== f.seq && c.closing)) {
      const [machine, far] = name.split(" ");
      c = { machine, far, port: machine.split(":")[1], farPort: far.split(":")[1], frames: [], states: [],
            first: [null, null], end: [0, 0], bytes: [0, 0], closing: false, number: connections.length };
      byPorts.set(name, c);
      connections.push(c);
    }
    return c;
  };

  for (let k = 0; k < eventOf.F.length; k++) {
    const f = { number: k, event: eventOf.F[k], dir: from[at], len: from[at + 1], delay: from[at + 2],
                fate: run.words[from[at + 3]], error: run.words[from[at + 4]], kept: from[at + 5], offset,
                tcp: from[at + 6] === 1, again: false };

    at += 7;
    offset += Math.ceil(f.kept / 3) * 4;
    if (f.tcp) {
      [f.flags, f.seq, f.ack, f.win, f.mss, f.payload] = from.slice(at, at + 6);
      at += 6;
      if (from[at++]) {
        ends = from.slice(at, at + 4);
        at += 4;
      }
      const c = f.connection = last = connection(f);
      c.frames.push(f);
      if (f.flags & (FIN | 4)) c.closing = true;
      if (c.first[f.dir] === null) c.first[f.dir] = f.seq;
      f.ends = ends;
      f.from = (f.seq - c.first[f.dir]) >>> 0;
      f.size = f.payload + (f.flags & SYN ? 1 : 0) + (f.flags & FIN ? 1 : 0);
      /* The numbers of a damaged frame are believed as far as they fit. */
      const to = f.from + f.size, end = c.end[f.dir];
      f.again = f.size > 0 && f.from < end && f.fate !== "duplicate" && (!f.error || end - f.from < 1 << 20);
      if (f.error ? f.from === end : to - end < 0x7fffffff) c.end[f.dir] = Math.max(end, to);
      if (!f.again && f.fate !== "duplicate") c.bytes[f.dir] += f.payload;
    } else {
      f.text = run.texts[text++];
    }
    frames.push(f);
  }
}

/* A frame in a line, with sequence numbers from the beginning of the connection. */
function frameText(f) {
  if (!f.tcp) return shown(f.text);
  const c = f.connection, flags = [...FLAGS].filter((_, i) => f.flags >> i & 1).join("").replace(/(\.)(.*)/, "$2$1") || "-";
  const ack = c.first[1 - f.dir] === null ? f.ack : (f.ack - c.first[1 - f.dir]) >>> 0;
  return `${f.ends[1]} \u203a ${f.ends[3]} ${flags} seq=${f.from} len=${f.payload}` + (f.flags & ACK ? ` ack=${ack}` : "") +
    ` win=${f.win}` + (f.mss ? ` mss=${f.mss}` : "") + (f.error ? ` bad=${f.error}` : "");
}

/* Trace lines: component and the rest; where TCP says what state a connection is in. */
const lineParts = (k) => {
  const line = run.lines[k], colon = line.indexOf(": ");
  return colon < 0 ? ["", line] : [line.slice(0, colon), line.slice(colon + 2)];
};
let retransmitted = 0;
{
  const open = new Map();   /* conn= of the core: changes of state since it was last CLOSED */
  let last = null;

  for (let k = 0; k < run.lines.length; k++) {
    const line = run.lines[k];
    let m;

    if (!line.startsWith("tcp: ")) continue;
    if (line.startsWith("tcp: retransmit ")) retransmitted++;
    else if ((m = /^tcp: state conn=(\d+) from=(\w+) to=(\w+)/.exec(line))) {
      let o = open.get(m[1]);
      if (!o || m[2] === "CLOSED" || m[2] === "LISTEN") open.set(m[1], o = { states: [], connection: null });
      const s = { event: eventOf.L[k], state: m[3] };
      (o.connection ? o.connection.states : o.states).push(s);
      last = o;
    } else if (last && !last.connection && (m = /^tcp: (?:connected|accepted) local=(\d+) remote=([\d.]+:\d+)/.exec(line))) {
      const c = connections.find((x) => x.port === m[1] && x.far === m[2] && !x.states.length);
      if (c) {
        c.states = last.states;
        last.connection = c;
      }
    }
  }
}

/* Ring events, kept as they are; queues are what they make of them. */
const rings = [];
{
  const from = run.rings;
  let at = 1, address = 0;

  for (let k = 0; k < eventOf.R.length; k++) {
    const e = { event: eventOf.R[k], what: from[at++], queue: from[at++] };

    if (e.what === STARTED) {
      e.size = from[at++];
      e.flags = from[at++];
    } else if (e.what === AVAILABLE) {
      e.id = from[at++];
      e.parts = [];
      for (let n = from[at++]; n; n--) {
        address += from[at + 1];
        e.parts.push({ slot: from[at], address, len: from[at + 2], kind: from[at + 3] });
        at += 4;
      }
    } else if (e.what === WORKING) {
      e.id = from[at++];
    } else if (e.what === USED) {
      [e.id, e.slot, e.slots, e.written] = from.slice(at, at + 4);
      at += 4;
    } else if (e.what === COLLECTED) {
      [e.id, e.slot] = from.slice(at, at + 2);
      at += 2;
    }
    rings.push(e);
  }
}

const decisions = [];
{
  const from = run.decisions;
  let t = 0;
  for (let at = 1; at < from.length; at += 4) {
    t += from[at];
    decisions.push({ time: t, stream: run.streams[from[at + 1]], draw: from[at + 2], value: String(from[at + 3]) });
  }
}

/* ---- words ---- */

const seconds = (ns) => (ns / 1e9).toFixed(6);
function span(ns) {
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${+(ns / 1e3).toFixed(2)} \u00b5s`;
  if (ns < 1e9) return `${+(ns / 1e6).toFixed(3)} ms`;
  return `${+(ns / 1e9).toFixed(3)} s`;
}
const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u2009");
function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}
function legend(into, entries) {
  for (const [colour, words] of entries) {
    const s = element("span"), i = element("i");
    i.style.background = `var(--${colour})`;
    s.append(i, words);
    into.append(s);
  }
}
/* The last number of a sorted list that is <= n; -1: none. */
function lastUpTo(list, n, of = (x) => x) {
  let low = 0, high = list.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (of(list[mid]) <= n) low = mid + 1;
    else high = mid;
  }
  return low - 1;
}

/* ---- the head of the page ---- */

const sent = (dir) => frames.reduce((n, f) => n + (f.dir === dir && f.fate !== "duplicate"), 0);
const faulty = frames.reduce((n, f) => n + (f.fate !== "" && f.fate !== "duplicate"), 0);
{
  const facts = [
    ["frames-tx", "frames out", grouped(sent(0))], ["frames-rx", "frames in", grouped(sent(1))],
    ["faults", "faults", grouped(faulty), faulty ? "fault" : ""],
    ["retransmissions", "retransmitted out / in",
     `${grouped(retransmitted)} / ${grouped(frames.filter((f) => f.again && f.dir === 1).length)}`, retransmitted ? "again" : ""],
    ["virtual", "virtual time", span(run.virtual_ns)], ["events", "events", grouped(run.events)],
    ["seed", "seed", run.seed, "mono"], ["hash", "hash", run.hash, "mono"],
  ];
  for (const [id, name, value, kind] of facts) {
    const d = element("div"), dd = element("dd", kind, value);
    dd.id = `fact-${id}`;
    d.append(element("dt", "", name), dd);
    $("facts").append(d);
  }
  document.title = `${run.verdict}: ${shown(run.title || run.scenario)}`;
  $("verdict").textContent = run.verdict;
  $("verdict").classList.add(run.verdict);
  $("title").textContent = shown(run.title || run.scenario);
  $("scenario").textContent = shown(run.scenario);
  $("world").textContent = `\u00b7 world ${run.world}`;
  $("reproduce").textContent = shown(run.reproduce);
  $("source").textContent = run.source;
  $("versions").textContent = `Made with ${run.versions}.`;
  if (run.coverage) {
    const a = element("a", "", "Coverage");
    a.href = encodeURI(run.coverage);
    $("versions").append(" ", a);
  }
  if (run.verdict === "fail") {
    const go = element("button", "", "Show where");
    go.addEventListener("click", () => goTo(Math.max(0, lastUpTo(time, run.failed_ns))));
    $("failure").hidden = false;
    $("failure").append(element("b", "", `${run.kind} ${run.oracle}`), `  ${shown(run.message)}  `,
      element("code", "", `${shown(run.site)}, at ${seconds(run.failed_ns)} s, event ${run.failed_event}  `), go);
  }
  if (run.left_out) {
    $("leftout").hidden = false;
    $("leftout").textContent = `The run went on: ${grouped(run.left_out)} more events found no room on this page.`;
  }
  $("copy").addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents($("reproduce"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
    $("copy").textContent = "Copied";
    setTimeout(() => { $("copy").textContent = "Copy"; }, 1500);
  });
}

/* ---- long lists: only the rows that are seen exist ---- */

class List {
  /* count() rows; fill(row, i) makes one; here() is the row of the present event; pick(i) a click. */
  constructor(node, height, { count, fill, here, pick, empty = "Nothing here." }) {
    Object.assign(this, { node, height, count, fill, here, pick, empty, first: -1, last: -1 });
    this.spacer = element("div", "spacer");
    node.append(this.spacer);
    node.addEventListener("scroll", () => this.draw());
    node.addEventListener("click", (e) => {
      const row = e.target.closest(".row");
      if (row) pick(row.index);
    });
    node.addEventListener("keydown", (e) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
      if (!step || !count()) return;
      e.preventDefault();
      e.stopPropagation();
      pick(Math.min(count() - 1, Math.max(0, here() + step)));
    });
  }
  /* Everything may be different. */
  reset() {
    this.spacer.style.height = `${this.count() * this.height}px`;
    this.redraw();
  }
  redraw() {
    this.first = -1;
    this.draw();
  }
  draw() {
    const top = this.node.scrollTop, tall = this.node.clientHeight;
    const first = Math.max(0, Math.floor(top / this.height) - 4);
    const last = Math.min(this.count(), Math.ceil((top + tall) / this.height) + 4);

    if (first === this.first && last === this.last) return;
    this.first = first;
    this.last = last;
    const rows = [this.spacer], here = this.here();
    for (let i = first; i < last; i++) {
      const row = element("div", i === here ? "row here" : "row");
      row.index = i;
      row.style.transform = `translateY(${i * this.height}px)`;
      this.fill(row, i);
      rows.push(row);
    }
    if (!this.count()) rows.push(element("p", "empty", this.empty));
    this.node.replaceChildren(...rows);
  }
  /* Bring the present event into view. */
  follow() {
    const y = Math.max(0, this.here()) * this.height, top = this.node.scrollTop, tall = this.node.clientHeight;
    if (y < top + this.height || y > top + tall - 2 * this.height) this.node.scrollTop = Math.max(0, y - tall / 2);
    this.redraw();
  }
}

/* A list of some of the events, by the words of a search field. */
function searchable(list, input, counter, all, textOf) {
  let words = null;
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    words = words || all.map((x) => textOf(x).toLowerCase());
    list.items = wanted ? all.filter((_, i) => words[i].includes(wanted)) : all;
    counter.textContent = wanted ? `${grouped(list.items.length)} of ${grouped(all.length)}` : grouped(all.length);
    list.reset();
    list.follow();
  });
  list.items = all;
  counter.textContent = grouped(all.length);
}

let here = 0;

const ladder = new List($("ladder"), 24, {
  count: () => ladder.items.length,
  here: () => lastUpTo(ladder.items, here, (f) => f.event),
  pick: (i) => goTo(ladder.items[i].event),
  fill(row, i) {
    const f = ladder.items[i], lane = element("div", f.dir ? "lane rx" : "lane tx"), label = element("span", "label");
    if (f.delay < 0) lane.classList.add("lost");
    label.append(element("span", "words", frameText(f)));
    if (f.again) label.append(element("span", "chip again", "again"));
    if (f.fate) label.append(element("span", "chip", f.fate + (f.fate.includes("delayed") && f.delay >= 0 ? ` ${span(f.delay)}` : "")));
    label.title = [...label.children].map((part) => part.textContent).join("  ");
    lane.append(label);
    row.append(element("span", "t", seconds(time[f.event])), lane);
  },
});
searchable(ladder, $("ladder-filter"), $("ladder-count"), frames, (f) => `${f.tcp ? "tcp " : ""}${frameText(f)} ${f.fate} ${f.again ? "again" : ""} ${f.dir ? "rx" : "tx"}`);

const BAD = / failed|^rst |^aborted|^fault |^lost|error /;
const trace = new List($("trace"), 24, {
  count: () => trace.items.length,
  here: () => lastUpTo(trace.items, here, (k) => eventOf.L[k]),
  pick: (i) => goTo(eventOf.L[trace.items[i]]),
  fill(row, i) {
    const k = trace.items[i], [who, rest] = lineParts(k);
    if (who === "tcp" && rest.startsWith("retransmit ")) row.classList.add("again");
    else if (BAD.test(rest) && !rest.startsWith("|")) row.classList.add("bad");
    const text = element("span", "text");
    text.append(element("span", "who", shown(who)), who ? ": " : "", shown(rest));
    text.title = text.textContent;
    row.append(element("span", "t", seconds(time[eventOf.L[k]])), text);
  },
});
searchable(trace, $("trace-filter"), $("trace-count"), run.lines.map((_, k) => k), (k) => run.lines[k]);

const tape = new List($("decisions"), 24, {
  empty: "The seed drew nothing that changed this run.",
  count: () => decisions.length,
  here: () => lastUpTo(decisions, time[here] || 0, (d) => d.time),
  pick: (i) => goTo(Math.max(0, lastUpTo(time, decisions[i].time))),
  fill(row, i) {
    const d = decisions[i], text = element("span", "text");
    text.append(element("span", "who", d.stream), `  draw ${d.draw}  value ${d.value}`);
    row.append(element("span", "t", seconds(d.time)), text);
  },
});
$("decisions-count").textContent = grouped(decisions.length);
for (let i = 0; i < run.streams.length; i++)
  $("streams").append(element("code", "", run.streams[i]),
    element("span", "n", grouped(decisions.reduce((n, d) => n + (d.stream === run.streams[i]), 0))),
    element("span", "m", run.meanings[i]));
$("streams").hidden = !run.streams.length;

/* ---- drawing ---- */

const colours = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "panel", "ink", "soft", "line", "faint", "tx", "rx", "fault", "again", "window", "good", "here-line",
                      "available", "working", "used", "home", "unused"])
    colours[name] = style.getPropertyValue(`--${name}`).trim();
}
/* The canvas, as large as `like` is seen, in CSS pixels, cleared. */
function start(canvas, like = canvas) {
  const scale = devicePixelRatio || 1, width = like.clientWidth, height = like.clientHeight, c = canvas.getContext("2d");
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  c.setTransform(scale, 0, 0, scale, 0, 0);
  c.clearRect(0, 0, width, height);
  c.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  return { c, width, height };
}

/* ---- the whole run at a glance ---- */

let overviewPicture = null;
function overviewBins(width) {
  const bins = { tx: new Float32Array(width), rx: new Float32Array(width), rest: new Float32Array(width),
                 fault: new Uint8Array(width), again: new Uint8Array(width) };
  const bin = (event) => Math.min(width - 1, Math.floor(event * width / Math.max(1, total)));
  for (let i = 0; i < total; i++) if (run.order[i] !== "F") bins.rest[bin(i)]++;
  for (const f of frames) {
    const b = bin(f.event);
    bins[f.dir ? "rx" : "tx"][b] += 1;
    if (f.fate && f.fate !== "duplicate") bins.fault[b] = 1;
    if (f.again) bins.again[b] = 1;
  }
  return bins;
}
function drawOverview() {
  const { c, width, height } = start($("overview"));
  const w = Math.floor(width), middle = 21, half = 17;

  if (!total || w < 2) return;
  if (!overviewPicture || overviewPicture.width !== w) overviewPicture = { width: w, bins: overviewBins(w) };
  const b = overviewPicture.bins, cell = Math.max(1, w / total), most = Math.max(1, ...b.tx, ...b.rx), rest = Math.max(1, ...b.rest);
  for (let x = 0; x < w; x++) {
    if (b.rest[x]) {
      c.fillStyle = colours.line;
      c.fillRect(x, middle - 0.5 - 3 * b.rest[x] / rest, cell, 1 + 6 * b.rest[x] / rest);
    }
    if (b.tx[x]) {
      c.fillStyle = colours.tx;
      const h = half * (0.3 + 0.7 * b.tx[x] / most);
      c.fillRect(x, middle - h, Math.max(1, cell - 0.5), h);
    }
    if (b.rx[x]) {
      c.fillStyle = colours.rx;
      const h = half * (0.3 + 0.7 * b.rx[x] / most);
      c.fillRect(x, middle, Math.max(1, cell - 0.5), h);
    }
  }
  for (let x = 0; x < w; x++)
    if (b.fault[x] || b.again[x]) {
      c.fillStyle = b.fault[x] ? colours.fault : colours.again;
      c.fillRect(x, b.fault[x] ? 0 : middle * 2 - 4, Math.max(2, cell - 0.5), 4);
    }
  c.fillStyle = colours.soft;
  c.textBaseline = "bottom";
  const step = Math.max(1, Math.ceil(total / Math.max(1, Math.floor(w / 120))));
  for (let i = 0; i < total; i += step) {
    const x = i * w / total;
    if (x > w - 70) break;
    c.fillRect(x, 43, 1, 12);
    c.fillText(`${seconds(time[i])} s`, x + 5, 56);
  }
  const x = (here + 0.5) * w / total;
  c.fillStyle = colours["here-line"];
  c.fillRect(x - 1, 0, 2, 46);
}
{
  const canvas = $("overview");
  const point = (e) => {
    const r = canvas.getBoundingClientRect();
    goTo(Math.round((e.clientX - r.left) / r.width * total - 0.5));
  };
  canvas.addEventListener("pointerdown", (e) => {
    canvas.setPointerCapture(e.pointerId);
    point(e);
  });
  canvas.addEventListener("pointermove", (e) => {
    if (canvas.hasPointerCapture(e.pointerId)) point(e);
  });
}

/* ---- TCP: sequence numbers over time ---- */

const view = { connection: null, dir: 1, even: false, from: 0, to: 1, drag: null, points: [], picture: document.createElement("canvas"), area: null };

/* Where an event is on the x axis: at its time, or one beside the other. */
const place = (event) => (view.even ? event : time[event]);
const least = () => (view.even ? 4 : 100);   /* what can be zoomed to */

function showConnection(c) {
  view.connection = c;
  view.dir = c.bytes[0] >= c.bytes[1] ? 0 : 1;
  fit();
}
function fit() {
  const list = view.connection.frames;
  const a = place(list[0].event), b = place(list[list.length - 1].event), edge = Math.max(least() * 2, (b - a) * 0.02);
  view.from = a - edge;
  view.to = b + edge;
  drawGraph();
}
function zoom(factor, around = (view.from + view.to) / 2) {
  if ((view.to - view.from) * factor < least()) return;
  view.from = around - (around - view.from) * factor;
  view.to = around + (view.to - around) * factor;
  drawGraph();
}
/* About `count` round numbers from a to b. */
function ticks(a, b, count) {
  const raw = (b - a) / count, power = 10 ** Math.floor(Math.log10(raw)), unit = [1, 2, 5, 10].find((m) => m * power >= raw) * power;
  const out = [];
  for (let n = Math.ceil(a / unit) * unit; n <= b; n += unit) out.push(n);
  return out;
}
/* What is seen of the connection: frames with the time in sight, one before and one behind. */
function framesInView() {
  const list = view.connection.frames, at = (f) => place(f.event);
  return list.slice(Math.max(0, lastUpTo(list, view.from, at)), lastUpTo(list, view.to, at) + 2);
}
/* Places on the x axis and what stands there. */
function timeTicks(count) {
  const marks = ticks(view.from, view.to, count).filter((n) => n >= 0);
  if (view.even) return marks.filter((n) => Number.isInteger(n) && n < total).map((n) => [n, `${seconds(time[n])} s`]);
  const unit = marks.length > 1 ? (marks[1] - marks[0]) / 1e9 : 1e-6;
  const fine = Math.max(0, Math.min(9, Math.ceil(-Math.log10(unit) - 1e-9)));
  return marks.map((n) => [n, `${(n / 1e9).toFixed(fine)} s`]);
}
function drawGraph() {
  const picture = view.picture, { c, width, height } = start(picture, $("graph"));
  const conn = view.connection, left = 64, bottom = height - 24, top = 22, right = width - 12;

  view.points = [];
  if (!conn) {
    c.fillStyle = colours.soft;
    c.fillText("No TCP in this run.", 14, 24);
    showGraph();
    return;
  }
  $("flip").textContent = view.dir ? "\u2190 from the far side" : "\u2192 from the machine";
  const list = framesInView(), from = conn.first[view.dir] || 0;
  let low = Infinity, high = -Infinity, edge = 0;
  const ackOf = (f) => (f.ack - from) >>> 0;
  const acks = (f) => f.dir !== view.dir && f.flags & ACK && !f.error && ackOf(f) <= conn.end[view.dir];
  for (const f of list) {
    if (f.dir === view.dir && (f.size || f.again) && !f.error) {
      low = Math.min(low, f.from);
      high = Math.max(high, f.from + f.size);
    } else if (acks(f)) {
      low = Math.min(low, ackOf(f));
      high = Math.max(high, ackOf(f));
      edge = Math.max(edge, ackOf(f) + f.win);
    }
  }
  if (low === Infinity) [low, high] = [0, 1];
  if (high - low < 10) high = low + 10;
  high = Math.max(high, Math.min(edge, low + (high - low) * 1.5));   /* the window as far as it leaves room */
  const room = (high - low) * 0.06;
  low = Math.max(-room, low - room);
  high += room;
  const x = (t) => left + (t - view.from) / (view.to - view.from) * (right - left);
  const y = (s) => bottom - (s - low) / (high - low) * (bottom - top);

  c.textBaseline = "middle";
  c.textAlign = "right";
  for (const s of ticks(low, high, 6)) {
    if (s < 0) continue;
    c.fillStyle = colours.line;
    c.fillRect(left, y(s), right - left, 1);
    c.fillStyle = colours.soft;
    c.fillText(s >= 1e7 ? `${+(s / 1e6).toFixed(1)} M` : grouped(Math.round(s)), left - 8, y(s));
  }
  c.textAlign = "center";
  c.textBaseline = "top";
  for (const [at, words] of timeTicks(Math.max(2, Math.floor((right - left) / 120)))) {
    c.fillStyle = colours.faint;
    c.fillRect(x(at), top, 1, bottom - top);
    c.fillStyle = colours.soft;
    c.fillText(words, Math.min(right - 24, Math.max(left + 24, x(at))), bottom + 7);
  }

  c.save();
  c.beginPath();
  c.rect(left, top, right - left, bottom - top);
  c.clip();
  drawStep(c, list.filter(acks), (f) => [x(place(f.event)), y(ackOf(f) + f.win)], colours.window, x(view.to));
  drawStep(c, list.filter(acks), (f) => [x(place(f.event)), y(ackOf(f))], view.dir ? colours.tx : colours.rx, x(view.to));
  for (const f of list) {
    const px = x(place(f.event));
    if (f.dir !== view.dir) {
      if (acks(f)) view.points.push([px, y(ackOf(f)), f]);
      if (f.delay < 0) cross(c, px, y(ackOf(f)), colours.fault);
      continue;
    }
    if (!f.size || f.error) continue;
    const a = y(f.from), b = Math.min(y(f.from + f.size), a - 2);
    c.fillStyle = f.delay < 0 ? colours.fault : f.again ? colours.again : view.dir ? colours.rx : colours.tx;
    c.fillRect(px - 1.5, b, 3, a - b);
    c.fillRect(px - 3.5, b, 7, 1);
    c.fillRect(px - 3.5, a - 1, 7, 1);
    if (f.delay < 0) cross(c, px, (a + b) / 2, colours.fault);
    else if (f.fate) {
      c.strokeStyle = colours.fault;
      c.strokeRect(px - 4.5, b - 2.5, 9, a - b + 5);
    }
    view.points.push([px, (a + b) / 2, f]);
  }
  c.restore();
  drawStates(c, conn, x, left, top, bottom, right);
  view.area = { x, top, bottom };
  showGraph();
}
/* The picture, with what moves over it. */
function showGraph() {
  const { c, width, height } = start($("graph"));
  c.drawImage(view.picture, 0, 0, width, height);
  if (!view.connection) return;
  const { x, top, bottom } = view.area;
  c.fillStyle = colours["here-line"];
  if (place(here) >= view.from && place(here) <= view.to) c.fillRect(x(place(here)) - 0.75, top, 1.5, bottom - top);
  if (view.drag) {
    c.globalAlpha = 0.18;
    c.fillRect(Math.min(view.drag.a, view.drag.b), top, Math.abs(view.drag.b - view.drag.a), bottom - top);
    c.globalAlpha = 1;
  }
}
function drawStep(c, list, point, colour, end) {
  let last = null;
  c.beginPath();
  for (const f of list) {
    const [px, py] = point(f);
    if (last === null) c.moveTo(px, py);
    else {
      c.lineTo(px, last);
      c.lineTo(px, py);
    }
    last = py;
  }
  if (last !== null) c.lineTo(end, last);
  c.strokeStyle = colour;
  c.lineWidth = 1.25;
  c.stroke();
  c.lineWidth = 1;
}
function cross(c, px, py, colour) {
  c.strokeStyle = colour;
  c.lineWidth = 1.75;
  c.beginPath();
  c.moveTo(px - 4, py - 4);
  c.lineTo(px + 4, py + 4);
  c.moveTo(px + 4, py - 4);
  c.lineTo(px - 4, py + 4);
  c.stroke();
  c.lineWidth = 1;
}
/* The core's own states along the top; where there is no room for a word, a line alone. */
function drawStates(c, conn, x, left, top, bottom, right) {
  let free = -Infinity;
  c.textAlign = "left";
  c.textBaseline = "bottom";
  for (const s of conn.states) {
    const px = x(place(s.event));
    if (px < left || px > right) continue;
    c.fillStyle = colours.soft;
    c.globalAlpha = 0.35;
    c.fillRect(px, top - 4, 1, bottom - top + 4);
    c.globalAlpha = 1;
    const wide = c.measureText(s.state).width, at = Math.min(px + 3, right - wide);
    if (at < free) continue;
    c.fillText(s.state, at, top - 3);
    free = at + wide + 8;
  }
}
{
  const canvas = $("graph"), select = $("conn");
  for (const c of connections) {
    const o = element("option", "", `${c.machine} \u2194 ${c.far}`);
    o.value = c.number;
    select.append(o);
  }
  for (const b of ["conn", "flip", "even", "zoom-in", "zoom-out", "zoom-fit"]) $(b).disabled = !connections.length;
  legend($("graph-legend"), [["rx", "sent by the far side"], ["tx", "sent by the machine"], ["again", "retransmitted"],
                             ["fault", "lost or touched by a fault"], ["window", "window edge"]]);
  const nearest = (e) => {
    const r = canvas.getBoundingClientRect(), px = e.clientX - r.left, py = e.clientY - r.top;
    let best = null, near = 30 * 30;
    for (const [a, b, f] of view.points) {
      const d = (a - px) ** 2 + ((b - py) / 2) ** 2;
      if (d < near) [near, best] = [d, f];
    }
    return best;
  };
  const placeAt = (px) => view.from + (px - 64) / (canvas.clientWidth - 76) * (view.to - view.from);
  canvas.addEventListener("pointerdown", (e) => {
    const px = e.clientX - canvas.getBoundingClientRect().left;
    canvas.setPointerCapture(e.pointerId);
    view.drag = { a: px, b: px };
  });
  canvas.addEventListener("pointermove", (e) => {
    const f = nearest(e);
    $("graph-hint").textContent = f ? `${seconds(time[f.event])}  ${f.dir ? "\u2190" : "\u2192"} ${frameText(f)}${f.again ? "  again" : ""}${f.fate ? `  [${f.fate}]` : ""}` : graphHint;
    if (!view.drag) return;
    view.drag.b = e.clientX - canvas.getBoundingClientRect().left;
    showGraph();
  });
  canvas.addEventListener("pointerup", (e) => {
    const d = view.drag;
    view.drag = null;
    if (!view.connection || !d) return;
    if (Math.abs(d.b - d.a) > 5) {
      const [a, b] = [placeAt(Math.min(d.a, d.b)), placeAt(Math.max(d.a, d.b))];
      if (b - a >= least()) [view.from, view.to] = [a, b];
    } else {
      const f = nearest(e);
      if (f) goTo(f.event);
    }
    drawGraph();
  });
  canvas.addEventListener("dblclick", () => { if (view.connection) fit(); });
  canvas.addEventListener("keydown", (e) => {
    if (!view.connection) return;
    if (e.key === "+" || e.key === "=") zoom(0.5);
    else if (e.key === "-") zoom(2);
    else if (e.key === "0") fit();
  });
  $("zoom-in").addEventListener("click", () => zoom(0.5));
  $("zoom-out").addEventListener("click", () => zoom(2));
  $("zoom-fit").addEventListener("click", () => fit());
  $("flip").addEventListener("click", () => {
    view.dir = 1 - view.dir;
    drawGraph();
  });
  $("even").addEventListener("click", () => {
    view.even = !view.even;
    $("even").setAttribute("aria-pressed", view.even);
    fit();
  });
  select.addEventListener("change", () => showConnection(connections[select.value]));
}
const graphHint = "Drag to zoom, double-click to see all, click a segment to go there.";
$("graph-hint").textContent = connections.length ? graphHint : "";

/* ---- rings: what each descriptor was ---- */

const UNUSED = 0, GIVEN = 1, TAKEN = 2, BACK = 3, HOME = 4;
const STATES = ["never used", "available to the device", "the device works on it", "used, not yet collected", "the driver's again"];
const STATE_COLOURS = ["unused", "available", "working", "used", "home"];
/* Queues of all devices are counted, two of each; those of the first one have names. */
const QUEUES = ["receive", "transmit"];
const queueText = (i) => (i < QUEUES.length ? `queue ${i}` : `device ${i >> 1} queue ${i & 1}`);
const queueTitle = (i) => (i < QUEUES.length ? `${QUEUES[i]} (${i})` : queueText(i));

/* The state of all queues after some number of ring events; copied now and then, so that going back
 * is short. */
class Rings {
  constructor() {
    this.copies = [[]];
    this.done = 0;
    this.queues = [];
    this.touched = { queue: -1, slots: [] };
  }
  static copy(queues) {
    return queues.map((q) => q && { ...q, state: q.state.slice(), of: q.of.slice(), since: q.since.slice(), chains: new Map(q.chains) });
  }
  seek(count) {
    if (count < this.done) {
      const k = Math.min(this.copies.length - 1, Math.floor(count / Rings.EVERY));
      this.queues = Rings.copy(this.copies[k]);
      this.done = k * Rings.EVERY;
      this.touched = { queue: -1, slots: [] };
    }
    while (this.done < count) {
      this.apply(rings[this.done++]);
      if (this.done % Rings.EVERY === 0 && this.copies.length === this.done / Rings.EVERY) this.copies.push(Rings.copy(this.queues));
    }
  }
  set(q, e, slots, state, id) {
    for (const s of slots) {
      q.state[s] = state;
      q.of[s] = id;
      q.since[s] = e.event;
    }
    this.touched = { queue: e.queue, slots };
  }
  apply(e) {
    if (e.what === STARTED) {
      this.queues[e.queue] = { size: e.size, packed: !!(e.flags & 1), eventIndex: !!(e.flags & 2), indirect: !!(e.flags & 4), stopped: false,
        state: new Uint8Array(e.size), of: new Uint16Array(e.size), since: new Uint32Array(e.size), chains: new Map(),
        available: 0, working: 0, used: 0, taken: 0, given: 0 };
      this.touched = { queue: e.queue, slots: [] };
      return;
    }
    const q = this.queues[e.queue];
    if (!q) return;
    this.touched = { queue: e.queue, slots: [] };
    if (e.what === STOPPED) {
      q.stopped = true;
      q.state.fill(UNUSED);
    } else if (e.what === AVAILABLE) {
      const slots = e.parts.map((p) => p.slot).filter((s) => s >= 0);
      q.chains.set(e.id, { parts: e.parts, slots, written: null });
      q.taken++;
      this.set(q, e, slots, GIVEN, e.id);
    } else if (e.what === WORKING) {
      const c = q.chains.get(e.id);
      if (c) this.set(q, e, c.slots, TAKEN, e.id);
    } else if (e.what === USED) {
      const c = q.chains.get(e.id);
      let slots = c ? c.slots : [];
      if (q.packed) slots = Array.from({ length: e.slots }, (_, i) => (e.slot + i) % q.size);
      if (c) c.back = slots;
      q.given++;
      this.set(q, e, slots, BACK, e.id);
    } else if (e.what === COLLECTED) {
      const c = q.chains.get(e.id);
      if (c && c.back) this.set(q, e, c.back.filter((s) => q.state[s] === BACK), HOME, e.id);
    }
  }
}
Rings.EVERY = 2048;
const ringState = new Rings();

function ringText(e) {
  const q = queueText(e.queue);
  const bytes = (parts) => parts.map((p) => (p.kind === 2 ? `table of ${p.len / 16}` : `${p.len} bytes ${p.kind ? "to write" : "to read"}`)).join(" + ");
  switch (e.what) {
    case STARTED: return `${q} is live: ${e.size} descriptors, ${e.flags & 1 ? "packed" : "split"}`;
    case STOPPED: return `${q} is reset`;
    case AVAILABLE: return `${q} chain ${e.id} is available: ${bytes(e.parts)}`;
    case WORKING: return `${q} chain ${e.id}: the device works on it`;
    case USED: return `${q} chain ${e.id} is used, ${e.written} bytes written, entry ${e.slot}`;
    case COLLECTED: return `${q} chain ${e.id}: the driver collects it from entry ${e.slot}`;
    case NOTIFIED: return `${q} is notified by the driver`;
    default: return `${q}: the device interrupts`;
  }
}

const ringViews = [];
let ringPick = null;
function ringView(i) {
  if (ringViews[i]) return ringViews[i];
  const node = element("div", "ring"), title = element("h3"), note = element("p"), canvas = element("canvas");
  canvas.setAttribute("role", "img");
  node.append(title, note, canvas);
  $("rings").append(node);
  canvas.addEventListener("click", (e) => {
    const v = ringViews[i], r = canvas.getBoundingClientRect();
    const slot = Math.floor((e.clientY - r.top) / v.cell) * v.columns + Math.floor((e.clientX - r.left) / v.cell);
    ringPick = { queue: i, slot };
    drawRings();
  });
  return (ringViews[i] = { node, title, note, canvas, cell: 12, columns: 16 });
}
function drawRing(q, i) {
  const v = ringView(i), wide = v.node.clientWidth;
  v.columns = q.size <= 16 ? q.size : q.size <= 64 ? 16 : q.size <= 512 ? 32 : 64;
  v.cell = Math.max(4, Math.min(22, Math.floor(wide / v.columns)));
  v.canvas.style.height = `${Math.ceil(q.size / v.columns) * v.cell}px`;
  v.canvas.style.width = `${v.columns * v.cell}px`;
  const { c } = start(v.canvas), counts = [0, 0, 0, 0, 0], inner = v.cell - (v.cell > 8 ? 2 : 1);
  const touched = ringState.touched.queue === i ? new Set(ringState.touched.slots) : new Set();
  for (let s = 0; s < q.size; s++) {
    const px = s % v.columns * v.cell, py = Math.floor(s / v.columns) * v.cell;
    counts[q.state[s]]++;
    c.fillStyle = colours[STATE_COLOURS[q.state[s]]];
    c.fillRect(px, py, inner, inner);
    if (touched.has(s) || (ringPick && ringPick.queue === i && ringPick.slot === s)) {
      c.strokeStyle = touched.has(s) ? colours["here-line"] : colours.ink;
      c.lineWidth = 2;
      c.strokeRect(px + 1, py + 1, inner - 2, inner - 2);
    }
  }
  v.title.textContent = `${queueTitle(i)} \u00b7 ${q.packed ? "packed" : "split"} \u00b7 ${q.size}` +
    (q.eventIndex ? " \u00b7 event index" : "") + (q.indirect ? " \u00b7 indirect" : "");
  v.note.textContent = q.stopped ? "reset" :
    `${counts[GIVEN]} available, ${counts[TAKEN]} in work, ${counts[BACK]} used, ${counts[UNUSED] + counts[HOME]} the driver's; ` +
    `${grouped(q.taken)} chains made available, ${grouped(q.given)} used`;
  v.canvas.setAttribute("aria-label", v.note.textContent);
}
function drawRings() {
  const count = lastUpTo(rings, here, (e) => e.event) + 1;
  ringState.seek(count);
  ringState.queues.forEach((q, i) => q && drawRing(q, i));
  ringViews.forEach((v, i) => { v.node.hidden = !ringState.queues[i]; });
  let text = count ? `${seconds(time[rings[count - 1].event])}  ${ringText(rings[count - 1])}` : "No queue is live yet.";
  const q = ringPick && ringState.queues[ringPick.queue];
  if (q && ringPick.slot < q.size) {
    const s = ringPick.slot, chain = q.chains.get(q.of[s]), part = chain && chain.parts.find((p) => p.slot === s);
    text = `${QUEUES[ringPick.queue] || queueText(ringPick.queue)} descriptor ${s}: ${STATES[q.state[s]]}` +
      (q.state[s] ? ` since ${seconds(time[q.since[s]])}, chain ${q.of[s]}` : "") +
      (part ? `, ${part.len} bytes at 0x${part.address.toString(16)}` : "");
  }
  $("ring-hint").textContent = text;
}
legend($("ring-legend"), [["available", "available"], ["working", "in work"], ["used", "used"], ["home", "the driver's"]]);

/* ---- one frame ---- */

function frameBytes(f) {
  const text = atob(run.bytes.slice(f.offset, f.offset + Math.ceil(f.kept / 3) * 4));
  return Uint8Array.from(text, (ch) => ch.charCodeAt(0));
}
function hexDump(bytes, len) {
  const rows = [];
  for (let i = 0; i < bytes.length; i += 16) {
    const part = [...bytes.slice(i, i + 16)], hex = part.map((b) => b.toString(16).padStart(2, "0"));
    rows.push(`${i.toString(16).padStart(4, "0")}  ${hex.slice(0, 8).join(" ").padEnd(23)}  ${hex.slice(8).join(" ").padEnd(23)}  ` +
      part.map((b) => (b >= 32 && b < 127 ? String.fromCharCode(b) : "\u00b7")).join(""));
  }
  if (len > bytes.length) rows.push(`      ${grouped(len - bytes.length)} more bytes`);
  return rows.join("\n");
}
let frameShown = null;
function drawFrame() {
  const k = lastUpTo(eventOf.F, here), f = frames[k];
  if (f === frameShown) return;
  frameShown = f;
  $("frame").replaceChildren();
  $("bytes").textContent = "";
  $("frame-count").textContent = f ? `${grouped(k + 1)} of ${grouped(frames.length)}` : "none yet";
  if (!f) return;
  const pairs = [["what", frameText(f)], ["sent", `${seconds(time[f.event])} s by ${f.dir ? "the far side" : "the machine"}, ${f.len} bytes`],
                 ["arrives", f.delay < 0 ? "never" : `${seconds(time[f.event] + f.delay)} s, ${span(f.delay)} later`]];
  if (f.fate) pairs.push(["fault", f.fate]);
  if (f.error) pairs.push(["wrong", f.error]);
  if (f.tcp) pairs.push(["on the wire", `${address(f.ends[0])}:${f.ends[1]} \u203a ${address(f.ends[2])}:${f.ends[3]}  seq ${f.seq}  ack ${f.ack}${f.again ? "  sent before" : ""}`]);
  for (const [name, value] of pairs) $("frame").append(element("dt", "", name), element("dd", "", value));
  $("bytes").textContent = hexDump(frameBytes(f), f.len);
}

/* ---- where we are ---- */

function describe(i) {
  const k = nth[i];
  if (run.order[i] === "F") {
    const f = frames[k];
    return `${f.dir ? "<--" : "-->"}  ${frameText(f)}${f.fate ? `  [${f.fate}]` : ""}`;
  }
  return run.order[i] === "R" ? ringText(rings[k]) : shown(run.lines[k]);
}
let pending = false;
function drawHere() {
  pending = false;
  drawOverview();
  showGraph();
  drawRings();
  drawFrame();
  ladder.follow();
  trace.follow();
  tape.follow();
}
function goTo(i) {
  here = Math.max(0, Math.min(total - 1, i));
  $("slider").value = here;
  $("position").replaceChildren("event ", element("b", "", total ? grouped(here + 1) : "0"), ` of ${grouped(total)} \u00b7 `, element("b", "", total ? `${seconds(time[here])} s` : ""));
  $("now").textContent = total ? describe(here) : "Nothing happened.";
  $("slider").setAttribute("aria-valuetext", $("now").textContent);
  if (!pending) {
    pending = true;
    requestAnimationFrame(drawHere);
  }
}
const kinds = { frame: () => true, fault: (f) => f.fate !== "" && f.fate !== "duplicate", again: (f) => f.again };
function goToNext(kind, back) {
  const wanted = kinds[kind];
  for (let k = lastUpTo(eventOf.F, back ? here - 1 : here) + (back ? 0 : 1); k >= 0 && k < frames.length; k += back ? -1 : 1)
    if (wanted(frames[k])) {
      if (frames[k].connection && view.connection !== frames[k].connection) {
        $("conn").value = frames[k].connection.number;
        showConnection(frames[k].connection);
      }
      goTo(frames[k].event);
      return;
    }
}
$("slider").max = Math.max(0, total - 1);
$("slider").addEventListener("input", () => goTo(+$("slider").value));
for (const b of document.querySelectorAll("[data-step]")) b.addEventListener("click", () => goTo(here + +b.dataset.step));
for (const b of document.querySelectorAll("[data-next]")) {
  b.addEventListener("click", (e) => goToNext(b.dataset.next, e.shiftKey));
  b.disabled = !frames.some(kinds[b.dataset.next]);
}
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.altKey || e.metaKey || (e.target.matches("input, select") && e.target !== $("slider"))) return;
  const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key], kind = { j: "frame", k: "frame", f: "fault", r: "again" }[e.key.toLowerCase()];
  if (step) goTo(here + step * (e.shiftKey ? 100 : 1));
  else if (kind) goToNext(kind, e.key === "k" || e.key === "K" || (e.shiftKey && kind !== "frame"));
  else return;
  e.preventDefault();
});

/* ---- begin ---- */

function layout() {
  readColours();
  for (const list of [ladder, trace, tape]) list.reset();
  drawGraph();
  drawHere();
}
addEventListener("resize", () => requestAnimationFrame(layout));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", layout);
if (connections.length) {
  const first = connections.reduce((a, b) => (b.bytes[0] + b.bytes[1] > a.bytes[0] + a.bytes[1] ? b : a));
  $("conn").value = first.number;
  readColours();
  showConnection(first);
}
layout();
/* Where there is something to see: the failure, the first fault, or the first data. */
const worth = frames.find(kinds.fault) || frames.find((f) => f.payload) || frames[0];
goTo(run.verdict === "fail" ? lastUpTo(time, run.failed_ns) : worth ? worth.event : 0);
document.documentElement.dataset.ready = Math.round(performance.now());
})();
