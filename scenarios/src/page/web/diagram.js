// The space-time diagram: a lane a party, time from left to right, messages from lane to lane.

import { hatch, head, look, mark, palette, pattern, tag } from './draw.js';
import { lastUpTo } from './model.js';
import { drawCertificates, voters } from './quorum.js';
import { steps } from './scale.js';
import { counted, grouped, milliseconds, short } from './text.js';

const GUTTER = 104;
const TOP = 40;
const FOOT = 10;
/// So many messages are drawn with heads and labels, so many as lines; more are counted.
const FULL = 150;
const LINES = 1200;
/// The width of a bar that counts messages, in pixels.
const BAR = 12;

/// The diagram of one run.
export class Diagram {
  constructor(canvas, model, scale) {
    this.canvas = canvas;
    this.model = model;
    this.scale = scale;
    this.cursor = -1;
    this.related = null;
    /// The first event in which two runs differ, if there are two.
    this.parts = -1;
    this.certificates = [];
    this.items = [];
    this.recolour();
  }

  recolour() {
    this.colours = palette();
    this.patterns = null;
  }

  get laneHeight() {
    return Math.min(Math.max(Math.floor(380 / this.model.n), 24), 84);
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = TOP + this.model.n * this.laneHeight + FOOT;
    this.canvas.style.height = `${this.height}px`;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.context = this.canvas.getContext('2d');
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.patterns = null;
  }

  x(position) {
    const { scale } = this;
    return GUTTER + ((position - scale.start) / scale.width) * (this.width - GUTTER);
  }

  /// Where in the run a place of the canvas is.
  position(x) {
    const { scale } = this;
    return scale.start + ((x - GUTTER) / (this.width - GUTTER)) * scale.width;
  }

  at(row) {
    return this.x(this.scale.at(this.model, row));
  }

  y(party) {
    return TOP + (party + 0.5) * this.laneHeight;
  }

  /// Messages that arrive in view, as places in the list of all; and how far the list must be
  /// looked at for those that are only sent in view.
  visible() {
    const [first, stop] = this.scale.rows(this.model);
    const { shown } = this.model;
    return { from: lastUpTo(shown, first - 1) + 1, to: lastUpTo(shown, stop - 1) + 1, stop };
  }

  level() {
    const { from, to } = this.visible();
    if (to - from <= FULL) return 'full';
    return to - from <= LINES ? 'lines' : 'bars';
  }

  draw() {
    const { context, colours } = this;
    this.items = [];
    this.taken = [];
    context.globalAlpha = 1;
    context.fillStyle = colours.ground;
    context.fillRect(0, 0, this.width, this.height);
    context.font = '12px system-ui, sans-serif';
    context.textBaseline = 'middle';
    context.save();
    context.beginPath();
    context.rect(GUTTER, 0, this.width - GUTTER, this.height);
    context.clip();
    this.background();
    this.axis();
    this.views();
    this.lanes();
    const level = this.level();
    const messages = level === 'bars' ? [] : this.messages(level);
    if (level === 'bars') this.bars();
    drawCertificates(this);
    this.marks(level);
    if (this.parts >= 0) this.parting();
    this.violations();
    // What they are called stands where nothing else is said.
    if (level === 'full') this.labels(messages);
    this.pointer();
    context.restore();
    this.names();
  }

  /// Time before GST, and links that are cut.
  background() {
    const { context, colours, model, scale } = this;
    if (scale.byOrder) return;
    const { gst_ns: gst = 0, cuts = [] } = model.about;
    if (gst > 0) {
      const x = this.x(gst);
      context.fillStyle = colours.tint;
      if (x > GUTTER) context.fillRect(GUTTER, TOP, x - GUTTER, this.height);
      this.vertical(x, colours.ink, [], 'GST', this.height - 8);
    }
    const labels = new Map();
    for (const cut of cuts) {
      const left = Math.max(this.x(cut.from_ns), GUTTER);
      const right = Math.min(this.x(Math.min(cut.until_ns, scale.stop * 2)), this.width);
      if (right <= left) continue;
      const lanes = new Set(cut.links.flatMap(([from]) => from));
      for (const lane of lanes) {
        hatch(context, colours.dim, left, this.y(lane) - this.laneHeight / 2, right - left,
          this.laneHeight);
      }
      const sides = labels.get(left) ?? new Set();
      cut.links.forEach(([from]) => sides.add(from.join(' ')));
      labels.set(left, sides);
    }
    for (const [left, sides] of labels) {
      tag(context, colours, `cut ${[...sides].sort().join(' | ')}`, left + 4, TOP + 6);
    }
  }

  vertical(x, colour, dash, label, y) {
    const { context, colours } = this;
    if (x < GUTTER || x > this.width) return;
    context.strokeStyle = colour;
    context.lineWidth = 1.2;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, 16);
    context.lineTo(x, this.height);
    context.stroke();
    context.setLineDash([]);
    if (label) tag(context, colours, label, x + 3, y, colour);
  }

  axis() {
    const { context, colours, scale } = this;
    const { size, list } = steps(scale.start, scale.stop, Math.max((this.width - GUTTER) / 110, 2));
    context.strokeStyle = colours.rule;
    context.fillStyle = colours.dim;
    context.lineWidth = 1;
    for (const at of list) {
      if (at < 0) continue;
      const x = this.x(at);
      context.beginPath();
      context.moveTo(x, 16);
      context.lineTo(x, this.height);
      context.stroke();
      const text = scale.byOrder ? `event ${Math.round(at)}` : moment(at, size);
      const fits = x + 3 + context.measureText(text).width <= this.width;
      if (x > GUTTER + 4 && fits) context.fillText(text, x + 3, 8);
    }
  }

  /// The entries of a view joined from lane to lane, since parties enter at different times.
  views() {
    const { context, colours, model } = this;
    const [start, stop] = this.scale.rows(model);
    const list = model.views;
    const first = (entry) => entry.rows[0];
    let next = Math.max(lastUpTo(list, start, first) - 1, 0);
    let taken = 0;
    while (next < list.length && first(list[next]) < stop) {
      const { view, rows } = list[next];
      const places = rows.map((row) => [this.at(row), this.y(model.run.party[row])]);
      const left = Math.min(...places.map(([x]) => x));
      next += 1;
      if (Math.max(...places.map(([x]) => x)) < GUTTER) continue;
      places.sort((one, other) => one[1] - other[1]);
      context.strokeStyle = colours.accent;
      context.lineWidth = 1;
      context.setLineDash([3, 3]);
      context.beginPath();
      places.forEach(([x, y], at) => (at === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
      context.stroke();
      context.setLineDash([]);
      const leader = model.about.leaders?.[view - 1];
      const label = leader === undefined ? `view ${view}` : `view ${view}, leader ${leader}`;
      const room = context.measureText(label).width + 12;
      const place = Math.min(Math.max(left, GUTTER) + 3, this.width - room + 8);
      if (place >= taken) {
        tag(context, colours, label, place, 26, colours.accent);
        taken = place + room - 6;
      }
      const free = this.scale.place(model, this.position(place + room));
      next = Math.max(next, lastUpTo(list, free - 1, first) + 1);
    }
  }

  lanes() {
    const { context, colours, model } = this;
    for (let party = 0; party < model.n; party += 1) {
      const y = this.y(party);
      const byzantine = model.faulty.has(party);
      context.strokeStyle = byzantine ? colours.bad : colours.dim;
      context.lineWidth = byzantine ? 2 : 1;
      context.setLineDash(byzantine ? [8, 4] : []);
      context.beginPath();
      for (const [from, to] of this.up(party)) {
        context.moveTo(Math.max(from, GUTTER), y);
        context.lineTo(Math.min(to, this.width), y);
      }
      context.stroke();
      context.setLineDash([]);
    }
  }

  /// From where to where a party was up.
  up(party) {
    const { model } = this;
    const parts = [];
    let from = GUTTER;
    for (const row of model.marks.downs[party]) {
      if (model.run.what[row] === model.codes.crashed && from !== null) {
        parts.push([from, this.at(row)]);
        from = null;
      } else if (model.run.what[row] === model.codes.recovered) from = this.at(row);
    }
    if (from !== null) parts.push([from, this.width]);
    return parts.filter(([left, right]) => right >= GUTTER && left <= this.width);
  }

  names() {
    const { context, colours, model } = this;
    context.textAlign = 'left';
    for (let party = 0; party < model.n; party += 1) {
      const y = this.y(party);
      const how = model.faulty.get(party);
      context.font = 'bold 13px system-ui, sans-serif';
      context.fillStyle = how === undefined ? colours.ink : colours.bad;
      context.fillText(how === undefined ? `party ${party}` : `\u26a0 party ${party}`, 6, y);
      context.font = '11px system-ui, sans-serif';
      if (how !== undefined && this.laneHeight >= 30) {
        const text = how.length > 15 ? `${how.slice(0, 14)}\u2026` : how;
        context.fillText(text, 6, y + 15);
      }
    }
    context.font = '12px system-ui, sans-serif';
  }

  /// Messages one by one; gives those that are drawn.
  messages(level) {
    const { model } = this;
    const { from, to, stop } = this.visible();
    const rows = [];
    for (let at = from; at < model.shown.length && rows.length < LINES * 2; at += 1) {
      if (at >= to && at % 256 === 0 && model.blocks[at / 256] >= stop) {
        at += 255;
        continue;
      }
      const row = model.shown[at];
      if (model.run.send[row] < stop) rows.push(row);
    }
    const kinds = new Map();
    for (const row of rows) {
      const strong = this.related === null || this.related.has(row);
      const key = `${strong ? 1 : 0} ${model.kind(row)}`;
      if (!kinds.has(key)) kinds.set(key, []);
      kinds.get(key).push(row);
    }
    for (const key of [...kinds.keys()].sort()) {
      const [strong, kind] = key.split(' ').map(Number);
      this.lines(kinds.get(key), kind, level, strong === 1);
    }
    return rows;
  }

  /// Whether a text has room at a place.
  free(x, y, width) {
    return !this.taken.some(([left, top, size]) => (
      Math.abs(top - y) < 15 && x < left + size + 6 && left < x + width + 6));
  }

  /// Writes a text, and keeps others away from it.
  write(text, x, y, colour) {
    tag(this.context, this.colours, text, x, y, colour);
    this.taken.push([x, y, this.context.measureText(text).width]);
  }

  lines(rows, kind, level, strong) {
    const { context, colours, model } = this;
    const { colour, dash, shape } = look(colours, kind);
    context.globalAlpha = strong ? 1 : 0.15;
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineWidth = level === 'full' && this.related !== null && strong ? 2 : 1;
    context.setLineDash(level === 'full' ? dash : []);
    context.beginPath();
    for (const row of rows) {
      const part = this.segment(row);
      this.items.push({ row, part });
      context.moveTo(part[0], part[1]);
      context.lineTo(part[2], part[3]);
    }
    context.stroke();
    context.setLineDash([]);
    for (const row of rows) {
      const [x0, y0, x1, y1] = this.segment(row);
      const lost = model.run.what[row] === model.dropped;
      const angle = Math.atan2(y1 - y0, x1 - x0);
      if (lost) mark(context, colours, 'lost', x1, y1, 4);
      else if (level === 'full') head(context, shape, x1, y1, angle, 4);
      if (model.rejected.has(row) && level === 'full') {
        context.strokeStyle = colours.bad;
        context.beginPath();
        context.moveTo(x1 - 8, y1 - 7);
        context.lineTo(x1, y1 + 7);
        context.stroke();
        context.strokeStyle = colour;
      }
    }
    context.globalAlpha = 1;
  }

  /// The line of a message; a lost one ends half way.
  segment(row) {
    const { run, dropped } = this.model;
    const [x0, y0] = [this.at(run.send[row]), this.y(run.from[row])];
    const [x1, y1] = [this.at(row), this.y(run.party[row])];
    if (run.what[row] !== dropped) return [x0, y0, x1, y1];
    const far = Math.max(x1, x0 + 12);
    return [x0, y0, (x0 + far) / 2, (y0 + y1) / 2];
  }

  /// The letters of contradicting messages, and what messages are where there is room.
  labels(rows) {
    const { context, colours, model } = this;
    for (const row of rows) {
      const [x0, y0, x1, y1] = this.segment(row);
      const letter = model.letters.get(model.run.send[row]);
      const places = [0.3, 0.5, 0.7, 0.15, 0.85].map((far) => [x0 + (x1 - x0) * far, y0 + (y1 - y0) * far]);
      const place = places.find(([x, y]) => this.free(x - 7, y, 14));
      if (letter !== undefined && place !== undefined) {
        const [x, y] = place;
        context.globalAlpha = this.related === null || this.related.has(row) ? 1 : 0.3;
        context.fillStyle = colours.ground;
        context.strokeStyle = colours.bad;
        context.lineWidth = 1.5;
        context.fillRect(x - 7, y - 8, 14, 16);
        context.strokeRect(x - 7, y - 8, 14, 16);
        context.fillStyle = colours.bad;
        context.fillText(letter, x - 4, y + 1);
        context.globalAlpha = 1;
        this.taken.push([x - 7, y, 14]);
      }
    }
    for (const row of rows) {
      const [x0, y0, x1, y1] = this.segment(row);
      const text = model.kinds[model.kind(row)] ?? 'raw';
      const width = context.measureText(text).width;
      const [x, y] = [x0 + (x1 - x0) * 0.55 - width / 2, y0 + (y1 - y0) * 0.55];
      if (Math.abs(x1 - x0) < width * 0.7 || !this.free(x, y, width)) continue;
      if (this.related !== null && !this.related.has(row)) continue;
      this.write(text, x, y, look(colours, model.kind(row)).colour);
    }
  }

  /// Messages counted by lane and kind, in bars that stand still while the view moves.
  bins() {
    const { model, scale } = this;
    const count = Math.max((this.width - GUTTER) / BAR, 1);
    const { size } = steps(scale.start, scale.stop, count);
    const first = Math.floor(scale.start / size);
    const last = Math.ceil(scale.stop / size);
    const edges = [];
    for (let bin = first; bin <= last; bin += 1) edges.push(scale.place(model, bin * size));
    const kinds = model.kinds.length + 1;
    const bins = [];
    for (let list = 0; list < model.lists.length; list += 1) {
      const rows = model.lists[list];
      if (rows.length === 0) continue;
      let before = lastUpTo(rows, edges[0] - 1);
      for (let bin = 1; bin < edges.length && before + 1 < rows.length; bin += 1) {
        const upTo = lastUpTo(rows, edges[bin] - 1);
        if (upTo > before) {
          bins.push({
            party: Math.floor(list / kinds),
            kind: list % kinds,
            start: (first + bin - 1) * size,
            stop: (first + bin) * size,
            count: upTo - before,
            row: rows[before + 1],
          });
        }
        before = upTo;
      }
    }
    return bins;
  }

  bars() {
    const { context, colours, model } = this;
    this.patterns ??= Array.from({ length: model.kinds.length + 1 }, (_, kind) => (
      pattern(context, colours, kind)));
    const bins = this.bins();
    const sums = new Map();
    for (const bin of bins) {
      const key = `${bin.party} ${bin.start}`;
      sums.set(key, (sums.get(key) ?? 0) + bin.count);
    }
    const most = Math.max(1, ...sums.values());
    const high = this.laneHeight * 0.42;
    const filled = new Map();
    for (const bin of bins) {
      const key = `${bin.party} ${bin.start}`;
      const below = filled.get(key) ?? 0;
      filled.set(key, below + bin.count);
      const [left, right] = [this.x(bin.start), this.x(bin.stop)];
      const [low, up] = [(below / most) * high, ((below + bin.count) / most) * high];
      const part = [left + 0.5, this.y(bin.party) - up, right - left - 1, up - low];
      context.fillStyle = this.patterns[bin.kind];
      context.fillRect(...part);
      this.items.push({ row: bin.row, bin, box: part });
    }
  }

  marks(level) {
    const { model } = this;
    const [first, stop] = this.scale.rows(model);
    for (let party = 0; party < model.n; party += 1) {
      const { large, small } = model.marks;
      const count = lastUpTo(small[party], stop - 1) - lastUpTo(small[party], first - 1);
      const room = level !== 'bars' && count < (this.width - GUTTER) / 14;
      if (room) this.laneMarks(small[party], party, level, first, stop);
      this.laneMarks(large[party], party, level, first, stop);
    }
  }

  /// The marks of a lane; where they would cover each other, only the first of them.
  laneMarks(list, party, level, first, stop) {
    const { context, colours, model, scale } = this;
    const end = lastUpTo(list, stop - 1);
    let at = lastUpTo(list, first - 1) + 1;
    const groups = [];
    while (at <= end) {
      const row = list[at];
      const x = this.at(row);
      const what = model.markWords[model.run.what[row]];
      const small = level === 'bars' && this.laneHeight < 40 ? 2.5 : 4;
      mark(context, colours, what, x, this.y(party), level === 'full' ? 6 : small);
      this.items.push({ row, box: [x - 7, this.y(party) - 7, 14, 14] });
      if (what === 'decided' && level === 'full') {
        // At the right edge labels stand to the left.
        const apart = x + 80 < this.width ? 72 : 150;
        if (groups.length > 0 && x - groups.at(-1).x < apart) groups.at(-1).rows.push(row);
        else groups.push({ x, rows: [row] });
      }
      at += 1;
      if (level !== 'full') {
        const free = scale.place(model, this.position(x + 9));
        at = Math.max(at, lastUpTo(list, free - 1) + 1);
      }
    }
    groups.forEach((group) => this.decision(group, party));
  }

  /// What was decided, and who vouched for it; of several close to each other, the one that is looked
  /// at or the first.
  decision({ rows }, party) {
    const { context, colours, model } = this;
    const row = rows.includes(this.cursor) ? this.cursor : rows[0];
    const x = this.at(row);
    const list = voters(model, row);
    const more = rows.length > 1 ? ` +${rows.length - 1}` : '';
    const value = `${short(model.run.digests[model.run.digest[row]])}${more}`;
    const y = this.y(party) + Math.min(this.laneHeight * 0.32, 20);
    const beside = (text) => {
      const width = context.measureText(text).width;
      return x + 10 + width < this.width ? x + 10 : x - 10 - width;
    };
    this.write(value, beside(value), y, colours.good);
    const by = `\u25c6 ${list.join(' ')}`;
    if (list.length > 0 && this.laneHeight > 60) this.write(by, beside(by), y + 14);
  }

  /// Each violation: crosses on the events that show it, joined by a ruled line.
  violations() {
    const { context, colours, model } = this;
    for (const { rows, property } of model.violations) {
      const places = rows.map((row) => [this.at(row), this.y(model.run.party[row])]);
      if (places.length === 0) continue;
      context.strokeStyle = colours.bad;
      context.lineWidth = 1.5;
      context.setLineDash([2, 3]);
      context.beginPath();
      places.forEach(([x, y], at) => (at === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
      context.stroke();
      context.setLineDash([]);
      for (const [x, y] of places) {
        context.strokeStyle = colours.bad;
        context.lineWidth = 3;
        context.beginPath();
        context.moveTo(x - 9, y - 9);
        context.lineTo(x + 9, y + 9);
        context.moveTo(x + 9, y - 9);
        context.lineTo(x - 9, y + 9);
        context.stroke();
      }
      const [x, y] = places[places.length - 1];
      const width = context.measureText(`${property} violated`).width;
      const left = Math.min(x + 13, this.width - width - 6);
      let above = y - 15;
      while (above > TOP && !this.free(left, above, width)) above -= 15;
      this.write(`${property} violated`, left, above, colours.bad);
    }
  }

  /// Where this run parts from the other one.
  parting() {
    const row = Math.min(this.parts, this.model.run.rows - 1);
    this.vertical(this.at(row), this.colours.bad, [6, 2, 1, 2], 'first difference', this.height - 22);
  }

  /// The event that is looked at.
  pointer() {
    if (this.cursor < 0) return;
    const { context, colours, model } = this;
    const x = this.at(this.cursor);
    this.vertical(x, colours.accent, [1, 2]);
    context.strokeStyle = colours.accent;
    context.lineWidth = 2.5;
    context.beginPath();
    context.arc(x, this.y(model.run.party[this.cursor]), 10, 0, 7);
    context.stroke();
  }

  /// What is at a place of the canvas: an event or a bar.
  hit(x, y) {
    let best = null;
    let near = 8;
    for (let at = this.items.length - 1; at >= 0; at -= 1) {
      const item = this.items[at];
      const far = item.box ? outside(item.box, x, y) : distance(item.part, x, y);
      if (far < near) {
        near = far;
        best = item;
      }
    }
    return best;
  }

  /// How much is in view, in words.
  summary() {
    const { from, to } = this.visible();
    const all = this.model.shown.length;
    const ways = { full: 'each drawn', lines: 'drawn as lines', bars: 'counted in bars' };
    return `${grouped(to - from)} of ${counted(all, 'message')} in view, ${ways[this.level()]}`;
  }
}

/// A moment on the axis, as precise as the steps are.
function moment(nanos, step) {
  if (step >= 1e6) {
    const digits = step >= 1e9 ? 0 : Math.max(0, 9 - Math.floor(Math.log10(step)));
    return nanos >= 1e9 || step >= 1e8
      ? `${(nanos / 1e9).toFixed(Math.min(digits, 3))} s` : `${Math.round(nanos / 1e6)} ms`;
  }
  return `${milliseconds(nanos)} ms`;
}

function outside([left, top, width, height], x, y) {
  const across = Math.max(left - x, 0, x - left - width);
  const along = Math.max(top - y, 0, y - top - height);
  return Math.hypot(across, along);
}

function distance([x0, y0, x1, y1], x, y) {
  const length = (x1 - x0) ** 2 + (y1 - y0) ** 2;
  const share = length === 0 ? 0 : ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length;
  const at = Math.min(Math.max(share, 0), 1);
  return Math.hypot(x - x0 - at * (x1 - x0), y - y0 - at * (y1 - y0));
}
