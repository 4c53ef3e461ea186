// What is beside the diagram: the event that is looked at, the states, the pseudo-code.

import { el, link } from './dom.js';
import { line, milliseconds, short } from './text.js';

/// The event: its fields, what brought it about, what it brought about.
export function inspect(model, row, select) {
  const { run } = model;
  const panel = el('div', {});
  if (row < 0) {
    panel.append(el('p', {}, 'Nothing is chosen. Step with the arrow keys, or click a message.'));
    return panel;
  }
  const of = run.send[row] >= 0 ? run.send[row] : row;
  const letter = model.letters.get(of);
  panel.append(el('pre', { class: 'line', tabindex: 0, 'aria-label': 'The event on one line' },
    line(model, row)));
  const fields = [['event', String(run.id[row])], ['time', `${milliseconds(run.at[row])} ms`]];
  const name = (party) => `party ${party}${model.faulty.has(party) ? ` \u26a0 ${model.faulty.get(party)}` : ''}`;
  fields.push(['party', name(run.party[row])]);
  if (run.from[row] >= 0) fields.push(['sender', name(run.from[row])]);
  const kind = run.words[run.kind[row] || run.kind[of]];
  if (kind) fields.push(['kind', `${kind} (${model.roles.get(kind) ?? 'no message of the protocol'})`]);
  if (run.view[of] >= 0) fields.push(['view', String(run.view[of])]);
  if (run.slot[of] > 0) fields.push(['slot', String(run.slot[of])]);
  if (run.digest[of] > 0) fields.push(['about', run.digests[run.digest[of]]]);
  if (run.parent[row] > 0) fields.push(['parent', run.digests[run.parent[row]]]);
  if (run.bytes[of] >= 0) fields.push(['bytes', String(run.bytes[of])]);
  if (run.hops[row] >= 0) fields.push(['message delays', String(run.hops[row])]);
  if (of !== row) fields.push(['took', `${milliseconds(run.at[row] - run.at[of])} ms`]);
  if (letter) fields.push(['contradicts', `this is ${letter} of two or more that the sender told apart`]);
  if (run.signers[row] > 0) fields.push(['voters', run.signerLists[run.signers[row]].join(' ')]);
  if (run.number[row] >= 0) fields.push(...numbered(model, row));
  panel.append(el('dl', {}, ...fields.flatMap(([key, value]) => [el('dt', {}, key), el('dd', {}, value)])));
  if (run.text[of] > 0) {
    panel.append(el('pre', { class: 'text', tabindex: 0, 'aria-label': 'What it says' },
      run.words[run.text[of]]));
  } else if (run.what[of] === model.sent) {
    panel.append(el('p', { class: 'note' }, 'The text of this message is not in the page: there are too many.'));
  }
  panel.append(links(model, 'Because of', [...model.causes(row)].slice(1, 9), select));
  panel.append(links(model, 'Led to', [...model.effects(row, 8)], select));
  return panel;
}

function numbered(model, row) {
  const { run, about } = model;
  const number = run.number[row];
  const what = run.words[run.what[row]];
  if (what === 'noted') return [['line', `${number}: ${about.lines?.[number - 1] ?? ''}`]];
  if (what === 'fired') return [['fault', about.faults?.[number] ?? String(number)]];
  if (what === 'accused') return [['accused', `party ${number}`]];
  return [];
}

function links(model, title, rows, select) {
  if (rows.length === 0) return el('p', { class: 'note' }, `${title}: nothing in this run.`);
  return el('div', {}, el('h3', {}, title), el('ul', { class: 'links' }, ...rows.map((row) => (
    el('li', {}, el('button', { type: 'button', onclick: () => select(row) },
      line(model, row).trim().replace(/ {2,}/g, ' ').slice(0, 110)))))));
}

/// The states of all parties at an event, what is new in it marked.
export function statesPanel(model, row) {
  const states = model.stateAt(row < 0 ? model.run.rows - 1 : row);
  const names = [...new Set(states.flatMap((list) => list.map(({ name }) => name)))];
  const acting = row < 0 ? -1 : model.run.party[row];
  const head = el('tr', {}, el('th', { scope: 'col' }, 'state'), ...states.map((_, party) => (
    el('th', { scope: 'col', class: party === acting ? 'acting' : '' },
      `${party === acting ? '\u25b6 ' : ''}party ${party}`))));
  const body = names.map((name) => el('tr', {}, el('th', { scope: 'row' }, name),
    ...states.map((list) => {
      const found = list.find((entry) => entry.name === name);
      const fresh = found?.fresh ? ' fresh' : '';
      return el('td', { class: fresh }, `${found?.value ?? ''}${fresh ? ' \u2190' : ''}`);
    })));
  if (names.length === 0) return el('p', {}, 'This file shows no states.');
  return el('table', {}, el('caption', {},
    row < 0 ? 'What each party shows of its state at the end of the run'
      : 'What each party shows of its state; new: \u2190'),
    el('thead', {}, head), el('tbody', {}, ...body));
}

/// The numbered lines, and which of them fired last, at whom.
export function linesPanel(model, row) {
  const lines = model.about.lines ?? [];
  const noted = model.code('noted');
  const { run } = model;
  let fired = -1;
  if (row >= 0) {
    for (let at = row; at >= 0 && at > row - 5000; at -= 1) {
      if (run.what[at] === noted && run.party[at] === run.party[row]) {
        fired = at;
        break;
      }
    }
  }
  const number = fired < 0 ? -1 : run.number[fired];
  const words = fired < 0 ? 'No line fired yet.'
    : `Party ${run.party[fired]} fired line ${number} at ${milliseconds(run.at[fired])} ms, event ${run.id[fired]}.`;
  const lecture = model.about.lecture;
  return el('div', {},
    el('p', {}, words, ' ', lecture ? link(lecture, 'Read the lecture') : null),
    el('ol', { class: 'lines' }, ...lines.map((text, at) => (
      el('li', { value: at + 1, 'aria-current': at + 1 === number ? 'step' : null,
        class: at + 1 === number ? 'fired' : '' }, `${at + 1 === number ? '\u25b6 ' : ''}${text}`)))));
}

/// One sentence for those who listen.
export function sentence(model, row) {
  const { run } = model;
  if (row < 0) return 'nothing chosen';
  const what = run.words[run.what[row]];
  const of = run.send[row] >= 0 ? run.send[row] : row;
  const kind = run.words[run.kind[of]] || '';
  const about = run.digest[of] > 0 && run.slot[of] > 0 ? ` about ${short(run.digests[run.digest[of]])}` : '';
  const from = run.from[row] >= 0 ? ` from party ${run.from[row]}` : '';
  const violated = model.violating.includes(row) ? ', a violation' : '';
  return `Event ${run.id[row]} at ${milliseconds(run.at[row])} ms: party ${run.party[row]} ${what} ${kind}${
    from}${about}${violated}`.replace(/ {2,}/g, ' ');
}
