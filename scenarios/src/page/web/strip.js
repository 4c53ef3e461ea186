// The whole run in one strip: how many messages when, what is worth a look, which part is in view.

import { palette } from './draw.js';
import { el } from './dom.js';
import { milliseconds } from './text.js';

const STRIP_HIGH = 40;
/// With fewer messages the whole run is in view anyway.
const WORTH = 150;

/// The strip below the diagrams; `moved` is called when another part is to be seen.
export class Strip {
  constructor(models, scale, moved) {
    this.models = models;
    this.scale = scale;
    this.moved = moved;
    this.recolour();
    this.canvas = el('canvas', {
      class: 'strip', tabindex: 0, role: 'slider', 'aria-label': 'Overview: the part in view',
      'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 0,
    });
    this.canvas.hidden = models.every((model) => model.arrivals.length <= WORTH);
    this.canvas.style.height = `${STRIP_HIGH}px`;
    this.listen();
  }

  listen() {
    const { canvas } = this;
    let held = false;
    const to = (event) => {
      const share = event.offsetX / canvas.clientWidth;
      this.centre(share * this.scale.length);
    };
    canvas.addEventListener('pointerdown', (event) => {
      held = true;
      canvas.setPointerCapture(event.pointerId);
      to(event);
    });
    canvas.addEventListener('pointermove', (event) => (held ? to(event) : undefined));
    canvas.addEventListener('pointerup', () => { held = false; });
    canvas.addEventListener('keydown', (event) => {
      const { start, width, length } = this.scale;
      const by = { ArrowLeft: -0.25, ArrowRight: 0.25, PageUp: -1, PageDown: 1 }[event.key];
      const end = { Home: width / 2, End: length }[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey || (by === undefined && end === undefined)) return;
      event.preventDefault();
      event.stopPropagation();
      this.centre(end ?? start + width * (0.5 + by));
    });
  }

  centre(position) {
    this.scale.show(position - this.scale.width / 2, this.scale.width);
    this.moved();
  }

  x(position) {
    return (position / this.scale.length) * this.width;
  }

  /// How many messages arrive in each column, of both runs if there are two.
  counts() {
    const { models, scale, width } = this;
    const lists = models.map((model) => model.shown);
    const known = this.counted;
    const same = known && known.width === width && known.byOrder === scale.byOrder
      && known.lists.every((list, at) => list === lists[at]);
    if (same) return known.counts;
    const counts = new Float64Array(Math.max(Math.ceil(width / 2), 1));
    const each = counts.length / scale.length;
    models.forEach((model) => model.shown.forEach((row) => {
      counts[Math.min(Math.floor(scale.at(model, row) * each), counts.length - 1)] += 1;
    }));
    this.counted = { width, byOrder: scale.byOrder, lists, counts };
    return counts;
  }

  /// Other colours, light or dark.
  recolour() {
    this.colours = palette();
    this.counted = null;
  }

  draw() {
    const { canvas, scale, colours } = this;
    if (canvas.hidden) return;
    const ratio = window.devicePixelRatio || 1;
    if (this.width !== canvas.clientWidth) {
      this.width = canvas.clientWidth;
      canvas.width = Math.round(this.width * ratio);
      canvas.height = Math.round(STRIP_HIGH * ratio);
    }
    const before = this.counted;
    this.counts();
    if (this.counted !== before) this.paint(ratio);
    const context = canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.drawImage(this.picture, 0, 0, this.width, STRIP_HIGH);
    const left = Math.max(this.x(scale.start), 0);
    const right = Math.min(this.x(scale.stop), this.width);
    context.fillStyle = colours.dim;
    context.globalAlpha = 0.22;
    context.fillRect(0, 0, left, STRIP_HIGH);
    context.fillRect(right, 0, this.width - right, STRIP_HIGH);
    context.globalAlpha = 1;
    context.strokeStyle = colours.accent;
    context.lineWidth = 2;
    const wide = Math.max(right - left, 4);
    context.strokeRect(Math.min(left + 1, this.width - wide - 1), 1, wide - 2, STRIP_HIGH - 2);
    this.tell();
  }

  /// What stays the same while the view moves.
  paint(ratio) {
    const { colours } = this;
    this.picture = el('canvas', { width: this.canvas.width, height: this.canvas.height });
    const context = this.picture.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colours.ground;
    context.fillRect(0, 0, this.width, STRIP_HIGH);
    this.bars(context, colours);
    for (const model of this.models) this.ticks(context, colours, model);
  }

  /// Square roots, so that few messages show beside many.
  bars(context, colours) {
    const counts = this.counts();
    const most = counts.reduce((one, other) => Math.max(one, other), 1);
    const wide = this.width / counts.length;
    context.fillStyle = colours.dim;
    counts.forEach((count, at) => {
      const high = Math.sqrt(count / most) * (STRIP_HIGH - 12);
      context.fillRect(at * wide, STRIP_HIGH - high, wide, high);
    });
  }

  /// What is worth a look above, violations as crosses.
  ticks(context, colours, model) {
    context.strokeStyle = colours.accent;
    context.lineWidth = 1;
    context.beginPath();
    let before = -2;
    for (const row of model.notable) {
      if (model.run.what[row] === model.codes.decided) continue;
      const x = Math.round(this.x(this.scale.at(model, row)));
      if (x < before + 2) continue;
      context.moveTo(x + 0.5, 2);
      context.lineTo(x + 0.5, 9);
      before = x;
    }
    context.stroke();
    context.strokeStyle = colours.bad;
    context.lineWidth = 2.5;
    context.beginPath();
    for (const row of model.violating) {
      const x = this.x(this.scale.at(model, row));
      context.moveTo(x - 5, 2);
      context.lineTo(x + 5, 12);
      context.moveTo(x + 5, 2);
      context.lineTo(x - 5, 12);
    }
    context.stroke();
  }

  /// The part in view, for those who listen.
  tell() {
    const { scale, canvas } = this;
    const text = (at) => (scale.byOrder ? `event ${Math.round(at)}` : `${milliseconds(at)} ms`);
    const [start, stop] = [Math.max(scale.start, 0), Math.min(scale.stop, scale.length)];
    const room = scale.length - scale.width;
    const share = room <= 0 ? 0 : (100 * start) / room;
    canvas.setAttribute('aria-valuenow', String(Math.round(Math.min(Math.max(share, 0), 100))));
    canvas.setAttribute('aria-valuetext', `from ${text(start)} to ${text(stop)}`);
  }
}
