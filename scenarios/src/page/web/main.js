// The page: reads the runs, puts the parts together, listens to keys and pointer.

import { decode, inflate } from './decode.js';
import { Diagram } from './diagram.js';
import { el } from './dom.js';
import { evidencePanel } from './evidence.js';
import { inspect, linesPanel, sentence, statesPanel } from './inspector.js';
import { actions, KEYS } from './keys.js';
import { EventLog } from './log.js';
import { difference_of, lastUpTo, Model, related } from './model.js';
import { costsPanel, propertiesPanel, quorumsPanel } from './panels.js';
import { certificateWords } from './quorum.js';
import { Scale } from './scale.js';
import { parse, predicate } from './search.js';
import { Strip } from './strip.js';
import { counted, grouped, line } from './text.js';
import { isChained, legend, treePanel } from './tree.js';

/// All that is on the page.
class Page {
  constructor(models) {
    this.models = models;
    this.scale = new Scale(models);
    this.active = 0;
    this.cursor = -1;
    this.playing = null;
    this.tab = models.some((model) => model.violations.length > 0) ? 'quorums' : 'properties';
    this.build();
    this.restore();
    this.listen();
    this.refresh();
  }

  get model() {
    return this.models[this.active];
  }

  build() {
    this.live = el('p', { role: 'status', class: 'live' });
    this.tip = el('div', { class: 'tip', role: 'tooltip', hidden: '' });
    this.tipLine = el('pre', {});
    this.tipMore = el('p', {});
    this.tip.append(this.tipLine, this.tipMore);
    this.filter = el('input', {
      type: 'search', id: 'filter', placeholder: 'kind:vote party:3 view:2..5 text', size: 32,
    });
    this.filterNote = el('span', { role: 'status' });
    this.diagrams = this.models.map((model, at) => this.diagram(model, at));
    this.inspector = el('section', { 'aria-label': 'The event', class: 'pane' });
    this.lines = el('section', { 'aria-label': 'Pseudo-code', class: 'pane' });
    this.states = el('section', { 'aria-label': 'States', class: 'pane scroll', tabindex: 0 });
    this.log = new EventLog(this);
    this.strip = new Strip(this.models, this.scale, () => this.redraw());
    this.panel = el('section', { role: 'tabpanel', id: 'panel', 'aria-live': 'off', tabindex: 0 });
    this.help = el('dialog', { 'aria-label': 'Keys' }, el('h2', {}, 'Keys'), el('dl', {},
      ...KEYS.flatMap(([key, what]) => [el('dt', {}, el('kbd', {}, key)), el('dd', {}, what)])),
    el('button', { type: 'button', onclick: () => this.help.close() }, 'Close'));
    document.body.append(el('main', {},
      this.notices(), this.bar(), legendFor(this), ...this.diagrams.map(({ frame }) => frame),
      this.strip.canvas, this.live, this.notables(),
      el('div', { class: 'columns' }, el('div', { class: 'pane' }, this.states, this.inspector), this.lines),
      this.tabs(), this.panel,
      el('section', { 'aria-label': 'Events' }, el('h2', {}, 'Events'), this.log.element)), this.tip, this.help);
  }

  /// What is not in the page, and where two runs part.
  notices() {
    const box = el('div', { class: 'notices' });
    for (const { run, known } of this.models) {
      if (run.leftOut > 0) {
        box.append(el('p', { class: 'loud' }, `${known.name}: the last ${grouped(run.leftOut)} events are `
          + 'left out of this page; byzlab trace shows all of them.'));
      }
      if (run.textsLeftOut > 0) {
        box.append(el('p', {}, `The text of ${grouped(run.textsLeftOut)} messages is left out; byzlab `
          + 'trace --json shows it.'));
      }
    }
    if (this.models.length === 2) box.append(this.parting());
    return box;
  }

  parting() {
    const [one, other] = this.models;
    const row = difference_of(one, other, line);
    this.parts = row;
    for (const { diagram } of this.diagrams) diagram.parts = row;
    if (row < 0) return el('p', { class: 'parting' }, 'The two runs are the same in every event.');
    const words = (model) => (row < model.run.rows ? line(model, row).trim() : 'nothing more');
    return el('div', { class: 'parting' },
      el('p', {}, row === 0 ? 'The two runs differ from the start:'
        : `The two runs are the same in their first ${grouped(row)} events, then:`),
      el('pre', { tabindex: 0, 'aria-label': 'The first difference' },
        `A ${words(one)}\nB ${words(other)}`),
      el('button', { type: 'button', onclick: () => this.select(Math.min(row, this.model.run.rows - 1)) },
        'Go there'));
  }

  bar() {
    const button = (text, label, act) => el('button', {
      type: 'button', 'aria-label': label, title: label, onclick: act,
    }, text);
    this.play = button('\u25b6 play', '\u25b6 play or pause', () => this.toggle());
    return el('div', { class: 'bar', role: 'toolbar', 'aria-label': 'Controls' },
      button('|\u25c0', 'First event', () => this.select(0)),
      button('\u25c0', 'Event before', () => this.step(-1)),
      this.play,
      button('\u25b6', 'Event after', () => this.step(1)),
      button('\u25b6|', 'Last event', () => this.select(this.model.run.rows - 1)),
      button('\u2606 next', '\u2606 next event worth a look', () => this.notable(1)),
      button('\u2716 violation', 'Next \u2716 violation', () => this.violation()),
      button('+', 'Closer', () => this.zoom(0.5)),
      button('\u2212', 'Farther', () => this.zoom(2)),
      button('all', 'all: the whole run', () => this.whole()),
      button('time/order', 'time/order: by time or by order of events', () => this.order()),
      el('label', { for: 'filter' }, 'Filter '), this.filter, this.filterNote,
      button('theme', 'theme: light or dark', () => this.theme()),
      button('? keys', '? keys', () => this.help.showModal()));
  }

  diagram(model, at) {
    const canvas = el('canvas', {
      tabindex: 0, role: 'application', 'aria-roledescription': 'space-time diagram',
      'aria-label': `Space-time diagram of ${model.about.title ?? model.known.name}: step with the arrow keys`,
    });
    const note = el('p', { class: 'summary' });
    const votes = el('p', { class: 'votes' });
    const name = this.models.length > 1 ? el('h2', {}, `${'AB'[at]}: ${model.known.name}`) : null;
    const diagram = new Diagram(canvas, model, this.scale);
    const frame = el('section', { class: 'diagram', 'aria-label': 'Diagram' }, name, canvas, votes, note);
    this.pointer(canvas, diagram, at);
    return { canvas, diagram, note, votes, frame };
  }

  pointer(canvas, diagram, at) {
    let drag = null;
    canvas.addEventListener('pointerdown', (event) => {
      drag = { x: event.offsetX, start: this.scale.start, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (drag === null) return this.hover(diagram, event);
      const moved = drag.x - event.offsetX;
      drag.moved ||= Math.abs(moved) > 3;
      if (drag.moved) {
        const width = this.scale.width;
        this.scale.show(drag.start + (moved / (diagram.width - 104)) * width, width);
        this.redraw();
      }
      return undefined;
    });
    canvas.addEventListener('pointerup', (event) => {
      const item = drag?.moved ? null : diagram.hit(event.offsetX, event.offsetY);
      drag = null;
      if (item === null) return;
      this.active = at;
      this.select(item.row);
    });
    canvas.addEventListener('pointerleave', () => { this.tip.hidden = true; });
    canvas.addEventListener('dblclick', (event) => {
      this.scale.zoom(0.4, diagram.position(event.offsetX));
      this.redraw();
    });
    canvas.addEventListener('wheel', (event) => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        this.scale.zoom(event.deltaY > 0 ? 1.25 : 0.8, diagram.position(event.offsetX));
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        this.scale.pan((event.deltaX || event.deltaY) / 1000);
      } else return;
      this.redraw();
    }, { passive: false });
    canvas.addEventListener('focus', () => { this.active = at; });
  }

  hover(diagram, event) {
    const item = diagram.hit(event.offsetX, event.offsetY);
    this.tip.hidden = item === null;
    if (item === null) return;
    const { model } = diagram;
    if (item.bin) {
      const { bin } = item;
      this.tipLine.textContent = `${grouped(bin.count)} x ${model.kinds[bin.kind] ?? 'raw'} to party ${bin.party}`;
      this.tipMore.textContent = 'click: the first of them';
    } else {
      this.tipLine.textContent = line(model, item.row);
      const voters = model.run.signerLists[model.run.signers[item.row]] ?? [];
      this.tipMore.textContent = voters.length > 0 ? `voters ${voters.join(' ')}` : '';
    }
    const left = Math.min(event.pageX + 14, window.scrollX + window.innerWidth - this.tip.offsetWidth - 12);
    this.tip.style.left = `${Math.max(left, 4)}px`;
    this.tip.style.top = `${event.pageY + 16}px`;
  }

  notables() {
    const { model } = this;
    const rows = model.notable.slice(0, 200);
    const list = el('ol', { class: 'notables' }, ...rows.map((row) => el('li', {},
      el('button', { type: 'button', onclick: () => this.select(row) },
        `${model.violating.includes(row) ? '\u2716 ' : ''}${sentence(model, row)}`))));
    const more = model.notable.length - rows.length;
    return el('details', {}, el('summary', {}, `${counted(model.notable.length, 'event')} worth a look${
      more > 0 ? `, the first ${rows.length} here` : ''}`), list);
  }

  tabs() {
    const names = ['properties', 'costs', 'quorums', 'evidence'];
    if (this.models.some(isChained)) names.push('chain');
    this.tabNames = names;
    this.tabButtons = names.map((name) => el('button', {
      type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': 'panel',
      onclick: () => this.show(name),
      onkeydown: (event) => {
        const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (move === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        const next = names[(names.indexOf(name) + move + names.length) % names.length];
        this.show(next);
        document.getElementById(`tab-${next}`).focus();
      },
    }, name));
    return el('div', { role: 'tablist', 'aria-label': 'More', class: 'tabs' }, ...this.tabButtons);
  }

  show(name) {
    this.tab = this.tabNames.includes(name) ? name : 'properties';
    this.tabButtons.forEach((button) => {
      const chosen = button.id === `tab-${this.tab}`;
      button.setAttribute('aria-selected', String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    });
    this.panel.setAttribute('aria-labelledby', `tab-${this.tab}`);
    this.panel.replaceChildren(...this.models.map((model, at) => el('div', {},
      this.models.length > 1 ? el('h2', {}, `${'AB'[at]}: ${model.known.name}`) : null,
      this.content(model, at))));
    this.remember();
  }

  content(model, at) {
    if (this.tab === 'costs') return costsPanel(model);
    if (this.tab === 'quorums') return quorumsPanel(model);
    if (this.tab === 'evidence') return evidencePanel(model);
    if (this.tab !== 'chain') return propertiesPanel(model);
    const conflict = model.violating.find((row) => model.run.slot[row] > 0);
    const of = this.cursor >= 0 && at === this.active ? this.cursor : conflict;
    const before = of === undefined ? -1 : lastUpTo(model.decisions, of);
    const slot = before < 0 ? 1 : model.run.slot[model.decisions[before]];
    return treePanel(model, slot, (row) => {
      this.active = at;
      this.select(row);
    });
  }

  /// Chooses an event of the run that is active.
  select(row) {
    const last = this.model.run.rows - 1;
    this.cursor = Math.min(Math.max(row, -1), last);
    if (this.cursor >= 0) this.scale.reveal(this.scale.at(this.model, this.cursor));
    this.refresh();
  }

  step(by) {
    const fits = this.model.keep ?? (() => true);
    let row = this.cursor;
    do row += by; while (row >= 0 && row < this.model.run.rows && !fits(row));
    if (row >= 0 && row < this.model.run.rows) this.select(row);
  }

  /// The next event of a kind after this one, or the one before.
  jump(by, fits) {
    const { rows } = this.model.run;
    for (let row = this.cursor + by; row >= 0 && row < rows; row += by) {
      if (fits(row)) return this.select(row);
    }
    return undefined;
  }

  notable(by) {
    const list = this.model.notable;
    const at = by > 0 ? lastUpTo(list, this.cursor) + 1 : lastUpTo(list, this.cursor - 1);
    if (at >= 0 && at < list.length) this.select(list[at]);
  }

  violation() {
    const list = this.model.violating;
    if (list.length === 0) return this.say('No violation in this run.');
    return this.select(list[(lastUpTo(list, this.cursor) + 1) % list.length]);
  }

  lineOf(row) {
    return line(this.model, row);
  }

  say(text) {
    this.live.textContent = text;
  }

  zoom(factor) {
    const { scale } = this;
    const middle = this.cursor < 0 ? (scale.start + scale.stop) / 2 : scale.at(this.model, this.cursor);
    scale.zoom(factor, Math.min(Math.max(middle, scale.start), scale.stop));
    this.redraw();
  }

  whole() {
    this.scale.fit();
    this.redraw();
  }

  order() {
    this.scale.byOrder = !this.scale.byOrder;
    this.scale.fit();
    if (this.cursor >= 0) this.scale.reveal(this.scale.at(this.model, this.cursor));
    this.redraw();
  }

  theme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    this.recolour();
  }

  recolour() {
    this.diagrams.forEach(({ diagram }) => diagram.recolour());
    this.strip.recolour();
    document.querySelector('.legend').replaceWith(legendFor(this));
    this.redraw();
  }

  toggle() {
    if (this.playing !== null) {
      clearInterval(this.playing);
      this.playing = null;
    } else {
      this.playing = setInterval(() => {
        if (this.cursor >= this.model.run.rows - 1) this.toggle();
        else this.step(1);
      }, 250);
    }
    this.play.textContent = this.playing === null ? '\u25b6 play' : '\u23f8 pause';
  }

  search() {
    const query = parse(this.filter.value);
    for (const model of this.models) {
      model.keep = predicate(model, query, line);
      model.filtered();
    }
    const shown = this.models.reduce((sum, model) => sum + model.shown.length, 0);
    this.filterNote.textContent = query.wrong.length > 0 ? `not understood: ${query.wrong.join(' ')}`
      : counted(shown, 'message');
    this.log.listed = null;
    this.refresh();
  }

  only(kind) {
    const word = `kind:${kind}`;
    this.filter.value = this.filter.value.trim() === word ? '' : word;
    this.search();
  }

  /// All that depends on the chosen event.
  refresh() {
    const { model, cursor } = this;
    this.diagrams.forEach(({ diagram }, at) => {
      diagram.cursor = at === this.active ? cursor : -1;
      diagram.related = at === this.active && cursor >= 0 ? related(model, cursor) : null;
    });
    this.inspector.replaceChildren(el('h2', {}, 'Event'), inspect(model, cursor, (row) => this.select(row)));
    this.lines.replaceChildren(el('h2', {}, 'Pseudo-code'), linesPanel(model, cursor));
    this.states.replaceChildren(statesPanel(model, cursor));
    this.say(sentence(model, cursor));
    this.log.reveal();
    this.show(this.tab);
    this.redraw();
  }

  /// Draws the diagrams, once a frame at the most.
  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      for (const { diagram, note, votes } of this.diagrams) {
        diagram.draw();
        note.textContent = diagram.summary();
        const words = certificateWords(diagram.model, diagram.certificates);
        if (votes.textContent !== words) votes.textContent = words;
      }
      this.strip.draw();
      this.remember();
    });
  }

  /// Keeps what is looked at in the address: a link brings it back.
  remember() {
    const { model, scale, cursor } = this;
    const words = new URLSearchParams();
    if (cursor >= 0) words.set('e', String(model.run.id[cursor]));
    if (this.active > 0) words.set('run', String(this.active));
    words.set('w', `${Math.round(scale.start)}..${Math.round(scale.stop)}`);
    if (scale.byOrder) words.set('order', '1');
    if (this.filter.value !== '') words.set('f', this.filter.value);
    words.set('tab', this.tab);
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => history.replaceState(null, '', `#${words}`), 200);
  }

  restore() {
    const words = new URLSearchParams(location.hash.slice(1));
    this.diagrams.forEach(({ diagram }) => diagram.resize());
    if (words.get('run') === '1' && this.models.length > 1) this.active = 1;
    if (words.get('order') === '1') this.scale.byOrder = true;
    this.scale.fit();
    if (words.get('f')) {
      this.filter.value = words.get('f');
      this.search();
    }
    const window = /^(-?\d+)\.\.(-?\d+)$/.exec(words.get('w') ?? '');
    if (words.get('tab')) this.tab = words.get('tab');
    const row = words.has('e') ? this.model.run.placeOf(Number(words.get('e'))) : -1;
    this.cursor = row;
    if (window) this.scale.show(Number(window[1]), Number(window[2]) - Number(window[1]));
    else this.interesting();
  }

  /// Opens where two runs part, or at the violation, near enough to see single messages.
  interesting() {
    const { model, scale } = this;
    if (this.models.length === 2 && this.parts > 0) {
      const width = scale.length * Math.min(300 / Math.max(model.arrivals.length, 1), 1);
      const row = Math.min(this.parts, model.run.rows - 1);
      scale.show(scale.at(model, row) - width * 0.2, width);
      return;
    }
    if (model.arrivals.length <= 2500 || model.violating.length === 0) return;
    const last = model.violating[model.violating.length - 1];
    const share = 1500 / model.arrivals.length;
    const width = scale.length * share;
    scale.show(scale.at(model, last) - width * 0.7, width);
  }

  listen() {
    document.addEventListener('keydown', (event) => this.key(event));
    this.filter.addEventListener('input', () => this.search());
    new ResizeObserver(() => {
      this.diagrams.forEach(({ diagram, canvas }) => {
        if (canvas.clientWidth !== diagram.width) diagram.resize();
      });
      this.redraw();
    }).observe(document.body);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.recolour());
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.help.open) return;
    if (event.target instanceof HTMLInputElement) {
      if (event.key === 'Escape') this.diagrams[this.active].canvas.focus();
      return;
    }
    const onButton = event.target instanceof HTMLButtonElement;
    if (onButton && (event.key === ' ' || event.key === 'Enter')) return;
    const act = actions(this)[event.shiftKey && event.key.startsWith('Arrow') ? `Shift${event.key}` : event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  }

  open(tab) {
    this.show(tab);
    this.panel.focus();
  }

  moved(share) {
    this.scale.pan(share);
    this.redraw();
  }
}

function legendFor(page) {
  return legend(page.models.reduce((one, other) => (other.kinds.length > one.kinds.length ? other : one)),
    (name) => page.only(name));
}

async function open() {
  const models = [];
  for (let at = 0; document.getElementById(`about-${at}`) !== null; at += 1) {
    const known = JSON.parse(document.getElementById(`about-${at}`).textContent);
    const bytes = await inflate(document.getElementById(`events-${at}`).textContent);
    const model = new Model(decode(bytes), known);
    model.at = at;
    models.push(model);
  }
  return new Page(models);
}

if (typeof document !== 'undefined') {
  open().then((page) => {
    globalThis.byzlab = page;
    document.documentElement.dataset.ready = 'yes';
  }).catch((error) => {
    document.body.append(el('p', { role: 'alert', class: 'loud' }, `This page is damaged: ${error.message}`));
    document.documentElement.dataset.ready = 'no';
  });
}
