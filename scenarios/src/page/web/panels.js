// Tables beside the diagram: properties, costs, quorums, what was attacked.

import { el, link, table } from './dom.js';
import { conflicts, voters } from './quorum.js';
import { grouped, short, span } from './text.js';

/// What was found of each property.
export function propertiesPanel(model) {
  const { report } = model;
  const rows = Object.entries(report.properties ?? {}).map(([name, found]) => (
    [name, found.verdict, found.expected ?? 'anything', found.detail]));
  const fired = (report.fired ?? []).map((fault) => [
    `${fault.party === null ? '' : `party ${fault.party} `}${fault.behaviour}`, grouped(fault.count)]);
  return el('div', {},
    rows.length > 0 ? table('Properties', ['property', 'finding', 'expected', 'detail'], rows)
      : el('p', {}, 'This file does not say what was found.'),
    fired.length > 0 ? table('What the attack changed', ['fault', 'times'], fired) : null,
    el('p', {}, 'No violation in one run is no proof: it is this run, this seed.'),
    report.repeat ? el('p', {}, 'Repeat: ', el('code', {}, report.repeat)) : null,
    report.digest ? el('p', {}, 'Digest: ', el('code', {}, report.digest)) : null,
    model.about.post ? el('p', {}, 'Told in: ', link(model.about.post, model.about.post)) : null);
}

/// What was sent by kind, the whole beside the formula of the protocol.
export function costsPanel(model) {
  const { report, about } = model;
  const metrics = report.metrics;
  if (metrics === undefined) return table('Messages that arrived', ['kind', 'count'], arrived(model));
  const here = new Map(arrived(model));
  const kinds = Object.entries(metrics.kinds).map(([name, costs]) => [
    name, ...numbers(costs), here.get(name) ?? '0']);
  kinds.push(['all', ...numbers(metrics), grouped(model.arrivals.length)]);
  const parties = metrics.by_party.map((costs, party) => [`party ${party}`, ...numbers(costs)]);
  const { min, max } = metrics.messages_per_decision;
  const good = [
    ['messages of a decision', min === max ? grouped(max) : `${grouped(min)} to ${grouped(max)}`,
      grouped(about.good_messages)],
    ['message delays of a decision', `${metrics.latency_hops.p50}, ${metrics.latency_hops.max} at most`,
      String(about.good_hops)],
    ['time of a decision', `${span(metrics.latency_ns.p50)}, ${span(metrics.latency_ns.max)} at most`, ''],
    ['views without a decision', `${metrics.lost_views} of ${metrics.views}`, '0'],
  ];
  const columns = ['messages', 'bytes', 'signatures made', 'signatures checked'];
  return el('div', {},
    table(`Measured beside the formula of the good case at n = ${report.n}, f = ${report.f}`,
      ['cost', 'measured', 'formula'], good),
    table('By kind', ['kind', ...columns, 'arrived or lost'], kinds),
    table('By party', ['party', ...columns], parties));
}

function numbers(costs) {
  return [costs.messages, costs.bytes, costs.signatures_made, costs.signatures_verified].map(grouped);
}

function arrived(model) {
  const counts = new Array(model.kinds.length + 1).fill(0);
  for (const row of model.arrivals) counts[model.kind(row)] += 1;
  return [...model.kinds, 'raw'].map((name, kind) => [name, grouped(counts[kind])])
    .filter(([, count]) => count !== '0');
}

/// Pairs of decisions that cannot stand together, with those who vouched for both.
export function quorumsPanel(model) {
  const pairs = conflicts(model);
  const panel = el('div', {});
  if (pairs.length === 0) {
    panel.append(el('p', {}, 'No two honest decisions contradict each other in this run.'));
    const last = model.decisions.at(-1);
    if (last !== undefined && voters(model, last).length > 0) panel.append(quorums(model, [last]));
    return panel;
  }
  pairs.slice(0, 20).forEach((pair) => panel.append(quorums(model, pair)));
  if (pairs.length > 20) panel.append(el('p', {}, `and ${pairs.length - 20} more`));
  return panel;
}

/// Who vouched for decisions, a column a party; where two quorums meet stands below.
function quorums(model, rows) {
  const { run, report } = model;
  const parties = Array.from({ length: model.n }, (_, party) => party);
  const names = ['decision', ...parties.map((party) => (model.faulty.has(party) ? `\u26a0${party}` : `${party}`))];
  const lines = rows.map((row) => [
    `party ${run.party[row]}: ${short(run.digests[run.digest[row]])}`,
    ...parties.map((party) => (voters(model, row).includes(party) ? '\u25c6' : '\u00b7'))]);
  if (rows.length < 2) return table(`The certificate of slot ${run.slot[rows[0]]}`, names, lines);
  const shared = voters(model, rows[0]).filter((party) => voters(model, rows[1]).includes(party));
  lines.push(['in both', ...parties.map((party) => (shared.includes(party) ? '\u2716' : '\u00b7'))]);
  const honest = shared.filter((party) => !model.faulty.has(party));
  let words = 'These decisions carry no certificates.';
  if (voters(model, rows[0]).length > 0) {
    words = `The quorums meet in ${shared.join(', ') || 'nobody'}`;
    words += honest.length === 0 ? ': all of them faulty. '
      : `; ${honest.join(', ')} of them honest. `;
    words += `With at most f = ${report.f ?? '?'} faulty parties, two quorums of the bound share one `
      + 'that is honest and vouches for one value only.';
  }
  return el('div', { class: 'quorums' },
    table(`Slot ${run.slot[rows[0]]}: two values decided`, names, lines), el('p', {}, words));
}
