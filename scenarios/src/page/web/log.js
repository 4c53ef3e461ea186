// The list of all events that the filter keeps; only those in view are elements.

import { el } from './dom.js';
import { lastUpTo } from './model.js';
import { line } from './text.js';

/// So many lines are there at once, each so high.
const LOG_ROWS = 60;
const LOG_HIGH = 20;

/// The list of the events of the run that is looked at.
export class EventLog {
  constructor(page) {
    this.page = page;
    this.listed = null;
    this.lines = el('ol', {});
    this.element = el('div', { class: 'log', tabindex: 0, role: 'region', 'aria-label': 'List of events' },
      el('div', { class: 'space' }, this.lines));
    this.element.addEventListener('scroll', () => this.fill());
    this.element.addEventListener('click', (event) => {
      const row = event.target.closest('li')?.dataset.row;
      if (row !== undefined) page.select(Number(row));
    });
  }

  /// The events that the filter keeps; nothing if it keeps all.
  rows() {
    const { model } = this.page;
    if (this.listed?.model !== model) {
      const rows = [];
      if (model.keep !== null) {
        for (let row = 0; row < model.run.rows; row += 1) if (model.keep(row)) rows.push(row);
      }
      this.listed = { model, rows: model.keep === null ? null : rows };
    }
    return this.listed.rows;
  }

  get count() {
    return this.rows()?.length ?? this.page.model.run.rows;
  }

  /// A browser has no page that is higher than some millions of pixels: longer lists are scaled.
  get high() {
    return Math.min(LOG_HIGH, 8e6 / Math.max(this.count, 1));
  }

  /// Brings the chosen event into view.
  reveal() {
    const rows = this.rows();
    const at = rows === null ? this.page.cursor : lastUpTo(rows, this.page.cursor);
    this.fill();
    if (at >= 0) this.element.scrollTop = at * this.high - 120;
    this.fill();
  }

  fill() {
    const { high, count, page } = this;
    const rows = this.rows();
    this.element.firstChild.style.height = `${Math.max(count * high, 20)}px`;
    const first = Math.max(0, Math.floor(this.element.scrollTop / high) - 5);
    const list = [];
    for (let at = first; at < Math.min(first + LOG_ROWS, count); at += 1) {
      const row = rows === null ? at : rows[at];
      list.push(el('li', { class: row === page.cursor ? 'chosen' : '', 'data-row': row },
        line(page.model, row)));
    }
    this.lines.style.top = `${first * high}px`;
    this.lines.replaceChildren(...list);
  }
}
