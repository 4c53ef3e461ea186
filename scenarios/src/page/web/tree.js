// The chain: blocks by height, forks beside each other, who decided what.

import { el, svg } from './dom.js';
import { look, palette } from './draw.js';
import { short } from './text.js';

const WIDE = 132;
const HIGH = 58;
/// So many heights are drawn at once.
const HEIGHTS = 40;

/// All blocks that were proposed or decided, and the genesis on which they stand, by digest.
export function blocks(model) {
  const { run } = model;
  const found = new Map();
  const block = (digest, row) => {
    if (!found.has(digest)) {
      found.set(digest, {
        digest, slot: run.slot[row], view: run.view[row], row, parent: 0, decided: [],
      });
    }
    return found.get(digest);
  };
  for (let row = 0; row < run.rows; row += 1) {
    const proposal = run.what[row] === model.sent
      && model.roles.get(run.words[run.kind[row]]) === 'proposal';
    if (proposal && run.slot[row] > 0 && run.digest[row] > 0) block(run.digest[row], row);
  }
  for (const row of model.decisions) {
    const decided = block(run.digest[row], row);
    decided.decided.push(row);
    if (run.parent[row] > 0) decided.parent = run.parent[row];
  }
  for (const { slot, parent, row } of [...found.values()]) {
    if (slot === 1 && parent > 0 && !found.has(parent)) {
      found.set(parent, { digest: parent, slot: 0, view: 0, row, parent: 0, decided: [] });
    }
  }
  return found;
}

/// Whether slots are linked, so that there is a chain to be drawn.
export function isChained(model) {
  return model.decisions.some((row) => model.run.parent[row] > 0);
}

/// The blocks around a height, drawn.
export function treePanel(model, middle, select) {
  model.tree ??= blocks(model);
  const all = [...model.tree.values()];
  const top = Math.max(...all.map((block) => block.slot), 1);
  const least = Math.min(...all.map((block) => block.slot), 1);
  const first = Math.max(least, Math.min(middle - HEIGHTS / 2, top - HEIGHTS + 1));
  const shown = all.filter((block) => block.slot >= first && block.slot < first + HEIGHTS);
  const places = layout(shown);
  const rows = Math.max(...[...places.values()].map(({ y }) => y), 0) + 1;
  const columns = Math.min(top - first + 1, HEIGHTS);
  const drawing = svg('svg', {
    width: columns * WIDE + 20, height: rows * HIGH + 20, role: 'group', 'aria-label': 'Blocks',
  });
  for (const block of shown) {
    const parent = places.get(block.parent);
    if (parent) drawing.append(edge(parent, places.get(block.digest), first));
  }
  for (const block of shown) {
    drawing.append(node(model, block, places.get(block.digest), first, shown, select));
  }
  const last = first + columns - 1;
  return el('div', {},
    el('p', {}, `Heights ${Math.max(first, 1)} to ${last} of ${top}. A decided block has a thick border and names `
      + 'who decided it; a height where two blocks were decided is crossed. The parent of a block '
      + 'that nobody decided is not recorded.'),
    el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Chain of blocks' },
      drawing));
}

/// A place for each block: its height, and a row that it shares with nobody.
function layout(shown) {
  const places = new Map();
  const taken = new Set();
  const decided = (block) => (block.decided.length > 0 ? 0 : 1);
  const sorted = [...shown].sort((one, other) => (
    one.slot - other.slot || decided(one) - decided(other) || one.view - other.view));
  for (const block of sorted) {
    let y = places.get(block.parent)?.y ?? 0;
    while (taken.has(`${block.slot} ${y}`)) y += 1;
    taken.add(`${block.slot} ${y}`);
    places.set(block.digest, { x: block.slot, y });
  }
  return places;
}

function edge(from, to, first) {
  const [x0, y0] = [(from.x - first) * WIDE + 112, from.y * HIGH + 30];
  const [x1, y1] = [(to.x - first) * WIDE + 10, to.y * HIGH + 30];
  return svg('path', { class: 'edge', d: `M${x0} ${y0} C${x0 + 12} ${y0} ${x1 - 12} ${y1} ${x1} ${y1}` });
}

function node(model, block, place, first, shown, select) {
  const { run } = model;
  const [x, y] = [(place.x - first) * WIDE + 10, place.y * HIGH + 8];
  const parties = [...new Set(block.decided.map((row) => run.party[row]))].sort((a, b) => a - b);
  const honest = (other) => other.decided.some((row) => !model.faulty.has(run.party[row]));
  const rival = shown.some((other) => (
    other !== block && other.slot === block.slot && honest(other) && honest(block)));
  const about = parties.length > 0 ? `decided by ${parties.join(' ')}` : 'not decided';
  const name = block.slot === 0 ? 'genesis' : `block ${short(run.digests[block.digest])}, height ${block.slot}, view ${block.view}, ${
    about}${rival ? ', in conflict' : ''}`;
  const group = svg('g', { class: `block${parties.length > 0 ? ' decided' : ''}${rival ? ' rival' : ''}`,
    tabindex: 0, role: 'button', 'aria-description': name });
  const lines = [short(run.digests[block.digest]),
    block.slot === 0 ? 'genesis' : `h${block.slot} view ${block.view}`,
    parties.length > 0 ? `\u25a0 ${parties.join(' ').slice(0, 16)}` : ''];
  group.append(svg('rect', { x, y, width: 102, height: 46, rx: 3 }));
  lines.forEach((text, at) => {
    const line = svg('text', { x: x + 6, y: y + 14 + at * 14 });
    line.textContent = text;
    group.append(line);
  });
  if (rival) group.append(svg('path', { class: 'cross', d: `M${x + 84} ${y + 6} l12 12 m0 -12 l-12 12` }));
  const row = block.decided[0] ?? block.row;
  group.addEventListener('click', () => select(row));
  group.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      event.stopPropagation();
      select(row);
    }
  });
  return group;
}

/// The look of each kind, as a list.
export function legend(model, toggle) {
  const colours = palette();
  return el('ul', { class: 'legend', 'aria-label': 'Kinds of messages' },
    ...model.kinds.map((name, at) => {
      const { colour, dash, shape } = look(colours, at);
      const sample = svg('svg', { width: 46, height: 14, 'aria-hidden': 'true' },
        svg('line', {
          x1: 0, y1: 7, x2: 32, y2: 7, stroke: colour, 'stroke-width': 2,
          'stroke-dasharray': dash.join(' '),
        }), sampleHead(shape, colour));
      const button = el('button', { type: 'button', onclick: () => toggle(name),
        title: `only ${name}` }, sample, name);
      return el('li', {}, button);
    }));
}

function sampleHead(shape, colour) {
  const paths = {
    triangle: 'M44 7 l-10 -5 v10 z', square: 'M34 2 h10 v10 h-10 z', diamond: 'M44 7 l-5 -5 -5 5 5 5 z',
    bar: 'M38 1 h4 v12 h-4 z', cross: 'M34 2 l10 10 m0 -10 l-10 10',
    circle: 'M34 7 a5 5 0 1 0 10 0 a5 5 0 1 0 -10 0',
  };
  return svg('path', { d: paths[shape], fill: colour, stroke: colour });
}
