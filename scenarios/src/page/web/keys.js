// The keys: what each does, also in words for those who ask.

import { el } from './dom.js';
import { lastUpTo } from './model.js';

/// Each key, and what it does.
export const KEYS = [
  ['\u2190 \u2192', 'event before, event after'], ['Shift \u2190 \u2192', 'view before, view after'],
  ['\u2191 \u2193', 'the lane above, below'], ['[ ]', 'message before, after on this lane'],
  ['n N', 'next, previous event worth a look'], ['v', 'next violation'],
  ['+ - 0', 'closer, farther, all'], [', .', 'move left, right'], ['Space', 'play, pause'],
  ['o', 'by time or by order of events'], ['/', 'filter'], ['e', 'evidence'], ['g', 'go to a time'],
  ['t', 'light or dark'], ['?', 'these keys'], ['Esc', 'choose nothing'],
];

/// What each key does on a page.
export function actions(page) {
  const { model, cursor } = page;
  const { run } = model;
  const lane = cursor < 0 ? 0 : run.party[cursor];
  const arrives = (row) => run.what[row] === model.delivered && run.from[row] !== run.party[row];
  const other = (by) => {
    const to = lane + by;
    if (to < 0 || to >= model.n) return;
    page.jump(1, (row) => run.party[row] === to);
  };
  return {
    ArrowRight: () => page.step(1),
    ArrowLeft: () => page.step(-1),
    ShiftArrowRight: () => page.jump(1, (row) => run.what[row] === model.codes.entered),
    ShiftArrowLeft: () => page.jump(-1, (row) => run.what[row] === model.codes.entered),
    ArrowUp: () => other(-1),
    ArrowDown: () => other(1),
    ']': () => page.jump(1, (row) => run.party[row] === lane && arrives(row)),
    '[': () => page.jump(-1, (row) => run.party[row] === lane && arrives(row)),
    n: () => page.notable(1),
    N: () => page.notable(-1),
    v: () => page.violation(),
    '+': () => page.zoom(0.5),
    '=': () => page.zoom(0.5),
    '-': () => page.zoom(2),
    0: () => page.whole(),
    ',': () => page.moved(-0.2),
    '.': () => page.moved(0.2),
    ' ': () => page.toggle(),
    o: () => page.order(),
    '/': () => page.filter.focus(),
    e: () => page.open('evidence'),
    g: () => goTo(page),
    t: () => page.theme(),
    '?': () => page.help.showModal(),
    Escape: () => page.select(-1),
  };
}

/// Asks for a time in milliseconds.
function goTo(page) {
  const field = el('input', { type: 'number', step: 'any', 'aria-label': 'Time in milliseconds' });
  const dialog = el('dialog', { 'aria-label': 'Go to a time' },
    el('form', { method: 'dialog' }, el('label', {}, 'Time in ms ', field), el('button', {}, 'Go')));
  dialog.addEventListener('close', () => {
    const at = Number(field.value) * 1e6;
    dialog.remove();
    if (field.value !== '') page.select(lastUpTo(page.model.run.at, at));
  });
  document.body.append(dialog);
  dialog.showModal();
}
