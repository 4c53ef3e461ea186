// Certificates: the votes that one is made of, who cast them, and where two quorums meet.

import { tag } from './draw.js';

/// A vote that is further back than so many events is not looked for.
const FAR = 200000;

/// Who vouched for a decision.
export function voters(model, row) {
  return model.run.signerLists[model.run.signers[row]] ?? [];
}

/// The first two honest decisions on different values of each slot.
export function conflicts(model) {
  const { run } = model;
  const first = new Map();
  const pairs = [];
  for (const row of model.decisions) {
    if (model.faulty.has(run.party[row])) continue;
    const slot = run.slot[row];
    const values = first.get(slot) ?? [];
    const known = values.some((other) => run.digest[other] === run.digest[row]);
    if (!known) {
      if (values.length > 0) pairs.push([values[0], row]);
      values.push(row);
    }
    first.set(slot, values);
  }
  return pairs;
}

/// The certificate by which a value was decided or that a message carries: its last vote to be
/// handled, and the sends of all of them by voter. Nothing if its votes are not in the record, as
/// where a party only caught up.
export function certificate(model, row) {
  model.certificates ??= new Map();
  if (!model.certificates.has(row)) model.certificates.set(row, votesOf(model, row));
  return model.certificates.get(row);
}

function votesOf(model, row) {
  const { run } = model;
  const decided = run.what[row] === model.codes.decided;
  const carries = run.send[row] >= 0 ? run.send[row] : row;
  if (!decided && model.roles.get(run.words[run.kind[carries]]) !== 'certificate') return null;
  let last = lastVote(model, row);
  const names = decided ? new Set(voters(model, row)) : handled(model, last);
  if (decided && !proves(model, last, row)) last = earlierVote(model, row, names);
  if (last < 0) return null;
  const votes = sends(model, last, names);
  return names.size > 0 && votes.size === names.size
    ? { row, last, party: run.party[last], voters: [...names].sort((a, b) => a - b), votes } : null;
}

/// The vote that was handled when the certificate was complete.
function lastVote(model, row) {
  const { run } = model;
  for (const cause of model.causes(row)) {
    const arrived = cause !== row && run.what[cause] === model.delivered && run.send[cause] >= 0;
    if (arrived && model.roles.get(run.words[run.kind[run.send[cause]]]) === 'vote') return cause;
  }
  return -1;
}

/// Whether a vote that was handled is for what is decided, or for a later block that is linked to it.
function proves(model, last, row) {
  const { run } = model;
  if (last < 0) return false;
  const linked = run.parent[row] > 0 && run.view[run.send[last]] > run.view[row];
  return run.digest[run.send[last]] === run.digest[row] || linked;
}

/// Where a decision had to wait for its turn: the last vote of these parties for it that its party
/// handled, of the last kind of which it had got all.
function earlierVote(model, row, names) {
  const { run } = model;
  const groups = new Map();
  for (let at = row; at >= 0 && at > row - FAR; at -= 1) {
    const of = run.send[at];
    const here = run.what[at] === model.delivered && run.party[at] === run.party[row] && of >= 0;
    if (!here || run.digest[of] !== run.digest[row] || !names.has(run.from[at])) continue;
    if (model.roles.get(run.words[run.kind[of]]) !== 'vote') continue;
    const key = `${run.kind[of]} ${run.view[of]}`;
    const group = groups.get(key) ?? { last: at, kind: model.kind(at), from: new Set() };
    group.from.add(run.from[at]);
    groups.set(key, group);
  }
  const whole = [...groups.values()].filter(({ from }) => from.size === names.size);
  whole.sort((one, other) => other.kind - one.kind || other.last - one.last);
  return whole[0]?.last ?? -1;
}

/// Whether two events are about the same statement.
function alike(run, one, other) {
  return run.kind[one] === run.kind[other] && run.view[one] === run.view[other]
    && run.slot[one] === run.slot[other] && run.digest[one] === run.digest[other];
}

/// Whose votes of this kind their receiver has got up to this one.
function handled(model, last) {
  const { run } = model;
  const found = new Set();
  if (last < 0) return found;
  for (let row = last; row >= 0 && row > last - FAR; row -= 1) {
    const here = run.what[row] === model.delivered && run.party[row] === run.party[last];
    if (here && run.send[row] >= 0 && alike(run, run.send[row], run.send[last])) found.add(run.from[row]);
  }
  return found;
}

/// The last sends of such a vote to its receiver, by voter.
function sends(model, last, names) {
  const { run } = model;
  const found = new Map();
  for (let row = last; row >= 0 && row > last - FAR && found.size < names.size; row -= 1) {
    const by = run.party[row];
    if (run.what[row] !== model.sent || !names.has(by) || found.has(by)) continue;
    const reaches = run.to[row] < 0 || run.to[row] === run.party[last];
    if (reaches && alike(run, row, run.send[last])) found.set(by, row);
  }
  return found;
}

/// What is to be drawn: the certificate of the event that is looked at, and beside a conflicting
/// one that; else the first two that conflict.
export function certificates(model, cursor) {
  model.conflicting ??= conflicts(model);
  const pair = model.conflicting.find((rows) => rows.includes(cursor));
  const chosen = cursor >= 0 ? certificate(model, cursor) : null;
  const rows = pair ?? (chosen !== null ? [cursor] : model.conflicting[0] ?? []);
  const found = rows.map((row) => certificate(model, row)).filter((of) => of !== null);
  return found.map((of, at) => ({ ...of, letter: found.length > 1 ? 'AB'[at] : '' }));
}

/// Who is in both of two quorums.
export function meeting(found) {
  if (found.length < 2) return [];
  return found[0].voters.filter((party) => found[1].voters.includes(party));
}

/// The same in words.
export function certificateWords(model, found) {
  if (found.length === 0) return '';
  const { run } = model;
  const one = ({ letter, voters: list, last }) => (
    `${letter === '' ? '' : `${letter} `}(${run.words[run.kind[run.send[last]]]} of ${list.join(' ')})`);
  if (found.length === 1) return `Certificate ${one(found[0])}, complete at party ${found[0].party}.`;
  const shared = meeting(found);
  const honest = shared.filter((party) => !model.faulty.has(party));
  return `Quorums ${found.map(one).join(' and ')} meet in ${shared.join(' ') || 'nobody'}: ${
    honest.length === 0 ? 'nobody honest' : `${honest.join(' ')} honest`}.`;
}

/// Draws certificates: an area from the votes to where the last of them came, a diamond there, and
/// rings where a party voted for both.
export function drawCertificates(diagram) {
  const { context, colours, model } = diagram;
  const found = certificates(model, diagram.cursor);
  const shared = new Set(meeting(found));
  diagram.certificates = found;
  const looks = [[colours.good, []], [colours.accent, [6, 3]]];
  found.forEach((of, at) => {
    const [colour, dash] = looks[at];
    const [x, y] = [diagram.at(of.last), diagram.y(of.party)];
    const points = [...of.votes].map(([party, row]) => [diagram.at(row), diagram.y(party), party]);
    area(context, colour, dash, x, y, points);
    points.forEach(([left, lane, party]) => ring(context, colour, left, lane, shared.has(party), colours));
    diamond(context, colour, colours.ground, x, y);
    if (of.letter !== '') tag(context, colours, of.letter, x - 22, y - 13, colour);
  });
  context.setLineDash([]);
}

/// The corners in the order of their directions from the last vote, so that no sides cross.
function area(context, colour, dash, x, y, points) {
  const away = ([left, lane]) => Math.atan2(lane - y, x - left);
  const sorted = [...points].sort((one, other) => away(one) - away(other));
  context.beginPath();
  context.moveTo(x, y);
  sorted.forEach(([left, lane]) => context.lineTo(left, lane));
  context.closePath();
  context.fillStyle = colour;
  context.globalAlpha = 0.14;
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
}

function ring(context, colour, x, y, both, colours) {
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, y, 5, 0, 7);
  context.stroke();
  if (!both) return;
  context.strokeStyle = colours.bad;
  context.lineWidth = 2.5;
  context.beginPath();
  context.arc(x, y, 9, 0, 7);
  context.stroke();
}

function diamond(context, colour, ground, x, y) {
  context.beginPath();
  context.moveTo(x, y - 9);
  context.lineTo(x + 9, y);
  context.lineTo(x, y + 9);
  context.lineTo(x - 9, y);
  context.closePath();
  context.fillStyle = colour;
  context.fill();
  context.strokeStyle = ground;
  context.lineWidth = 1.5;
  context.stroke();
}
