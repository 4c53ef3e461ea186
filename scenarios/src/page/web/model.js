// What follows from the events of a run: messages, what is worth a look, states, causes, effects.

const NOTABLE = ['conflicted', 'accused', 'crashed', 'recovered', 'corrupted', 'cut', 'heal', 'gst',
  'out-of-model', 'panicked'];

/// A run with its indexes. Built once; nothing in it changes but `keep`, the filter.
export class Model {
  constructor(run, known) {
    this.run = run;
    this.about = known.about ?? {};
    this.report = this.about.report ?? {};
    this.known = known;
    this.code = (word) => run.words.indexOf(word);
    this.delivered = this.code('delivered');
    this.dropped = this.code('dropped');
    this.sent = this.code('sent');
    this.n = this.parties();
    this.end = Math.max(run.rows > 0 ? run.at[run.rows - 1] : 0, this.report.ended_ns ?? 0, 1);
    this.faulty = this.faults();
    this.kinds = this.kindNames();
    this.keep = null;
    this.gather();
    this.filtered();
  }

  parties() {
    let n = Number(this.report.n ?? 0);
    for (let row = 0; row < this.run.rows; row += 1) n = Math.max(n, this.run.party[row] + 1);
    return Math.max(n, 1);
  }

  /// Why a party is not honest, by party.
  faults() {
    const faulty = new Map((this.about.traitors ?? []).map(([party, how]) => [party, how]));
    for (const party of this.about.failed ?? []) {
      if (!faulty.has(party)) faulty.set(party, 'crashes');
    }
    const corrupted = this.code('corrupted');
    for (let row = 0; row < this.run.rows; row += 1) {
      const party = this.run.party[row];
      if (this.run.what[row] === corrupted && !faulty.has(party)) faulty.set(party, 'corrupted');
    }
    return faulty;
  }

  /// The kinds of messages: those of the protocol, then whatever else was sent.
  kindNames() {
    const { run } = this;
    const names = (this.about.kinds ?? []).map((kind) => kind.name);
    this.roles = new Map((this.about.kinds ?? []).map((kind) => [kind.name, kind.role]));
    this.kindOf = new Map(names.map((name, at) => [run.words.indexOf(name), at]));
    for (let row = 0; row < run.rows; row += 1) {
      const kind = run.kind[row];
      if (kind > 0 && !this.kindOf.has(kind)) {
        this.kindOf.set(kind, names.length);
        names.push(run.words[kind]);
      }
    }
    return names;
  }

  /// Walks over all events once.
  gather() {
    const { run } = this;
    const arrivals = [];
    const notable = [];
    const decidedSlots = new Set();
    const groups = new Map();
    const code = Object.fromEntries(['decided', 'entered', 'timer', 'crashed', 'recovered', 'cut',
      'heal', 'gst', 'conflicted', 'rejected', 'panicked'].map((word) => [word, this.code(word)]));
    const notables = new Set(NOTABLE.map((word) => this.code(word)).filter((word) => word > 0));
    const lanes = () => Array.from({ length: this.n }, () => []);
    this.marks = { large: lanes(), small: lanes(), downs: lanes() };
    this.decisions = [];
    this.entries = new Map();
    this.rejected = new Set();
    for (let row = 0; row < run.rows; row += 1) {
      const what = run.what[row];
      if (what === this.delivered || what === this.dropped) {
        if (run.from[row] !== run.party[row] && run.send[row] >= 0) arrivals.push(row);
      } else if (what === this.sent) {
        this.pair(groups, row);
      } else if (what === code.decided) {
        this.decisions.push(row);
        if (!decidedSlots.has(run.slot[row])) notable.push(row);
        decidedSlots.add(run.slot[row]);
      } else if (what === code.entered) {
        const rows = this.entries.get(run.view[row]) ?? [];
        rows.push(row);
        this.entries.set(run.view[row], rows);
      } else if (what === code.rejected && run.cause[row] >= 0) {
        this.rejected.add(run.cause[row]);
      }
      if (notables.has(what)) notable.push(row);
      if (what > 0) this.mark(row, code);
    }
    this.codes = code;
    this.arrivals = Int32Array.from(arrivals);
    this.markWords = Object.fromEntries(Object.entries(code).map(([word, of]) => [of, word]));
    this.views = [...this.entries].map(([view, rows]) => ({ view, rows }));
    this.views.sort((one, other) => one.rows[0] - other.rows[0]);
    this.equivocations(groups);
    this.violated(notable);
  }

  /// Lists what is drawn on a lane: what is drawn always, what only where there is room.
  mark(row, code) {
    const what = this.run.what[row];
    const party = this.run.party[row];
    const large = ['decided', 'crashed', 'recovered', 'conflicted', 'panicked'];
    if (party >= this.n) return;
    if (large.some((word) => code[word] === what)) this.marks.large[party].push(row);
    else if (code.timer === what || code.entered === what) this.marks.small[party].push(row);
    if (code.crashed === what || code.recovered === what) this.marks.downs[party].push(row);
  }

  /// What one party sent of one kind in one view and slot, by what it is about.
  pair(groups, row) {
    const { run } = this;
    if (!this.faulty.has(run.party[row])) return;
    const role = this.roles.get(run.words[run.kind[row]]);
    if (role !== 'proposal' && role !== 'vote') return;
    const key = `${run.party[row]} ${run.kind[row]} ${run.view[row]} ${run.slot[row]}`;
    const group = groups.get(key) ?? new Map();
    const rows = group.get(run.digest[row]) ?? [];
    rows.push(row);
    group.set(run.digest[row], rows);
    groups.set(key, group);
  }

  /// Letters for the sends of a faulty party that said two things at one place.
  equivocations(groups) {
    this.letters = new Map();
    this.pairs = [];
    for (const group of groups.values()) {
      if (group.size < 2) continue;
      const pair = [...group.values()];
      this.pairs.push(pair);
      pair.forEach((rows, at) => {
        const letter = String.fromCharCode(65 + Math.min(at, 25));
        rows.forEach((row) => this.letters.set(row, letter));
      });
    }
  }

  violated(notable) {
    this.violations = (this.report.violations ?? []).map((violation) => ({
      ...violation,
      rows: (violation.events ?? []).map((id) => this.run.placeOf(id)).filter((row) => row >= 0),
    }));
    const shown = this.violations.flatMap((violation) => violation.rows);
    this.violating = [...new Set(shown)].sort((a, b) => a - b);
    const pairs = this.pairs.map((pair) => pair.map((rows) => rows[0]).sort((a, b) => a - b)[1]);
    this.notable = [...new Set([...notable, ...this.violating, ...pairs])].sort((a, b) => a - b);
  }

  /// The kind of a message, as a place in `kinds`; a lost one has that of its send.
  kind(row) {
    const { run } = this;
    const kind = run.kind[row] > 0 || run.send[row] < 0 ? run.kind[row] : run.kind[run.send[row]];
    return this.kindOf.get(kind) ?? this.kinds.length;
  }

  /// Lists messages by receiver and kind, those that the filter keeps.
  filtered() {
    const { run, arrivals } = this;
    const kinds = this.kinds.length + 1;
    this.lists = Array.from({ length: this.n * kinds }, () => []);
    const shown = [];
    for (const row of arrivals) {
      if (this.keep !== null && !this.keep(row)) continue;
      shown.push(row);
      this.lists[run.party[row] * kinds + this.kind(row)].push(row);
    }
    this.lists = this.lists.map((list) => Int32Array.from(list));
    this.shown = Int32Array.from(shown);
    // The earliest send of each block of messages: what is sent later is in no earlier picture.
    this.blocks = [];
    for (let at = 0; at < shown.length; at += 256) {
      let first = Infinity;
      const end = Math.min(at + 256, shown.length);
      for (let next = at; next < end; next += 1) first = Math.min(first, run.send[shown[next]]);
      this.blocks.push(first);
    }
  }

  /// What brought an event about: a delivery its send, others what their party handled.
  parent(row) {
    return this.run.send[row] >= 0 ? this.run.send[row] : this.run.cause[row];
  }

  /// An event and the chain of its causes.
  causes(row) {
    const chain = new Set();
    for (let next = row; next >= 0 && !chain.has(next); next = this.parent(next)) chain.add(next);
    return chain;
  }

  /// What an event brought about, and what that did, up to so many.
  effects(row, most) {
    this.children ??= this.childLists();
    const found = new Set();
    const queue = [row];
    for (let at = 0; at < queue.length && found.size < most; at += 1) {
      const { first, next } = this.children;
      for (let child = first[queue[at]]; child >= 0; child = next[child]) {
        if (!found.has(child)) {
          found.add(child);
          queue.push(child);
        }
      }
    }
    return found;
  }

  childLists() {
    const first = new Int32Array(this.run.rows).fill(-1);
    const next = new Int32Array(this.run.rows).fill(-1);
    for (let row = this.run.rows - 1; row >= 0; row -= 1) {
      const parent = this.parent(row);
      if (parent >= 0 && parent !== row) {
        next[row] = first[parent];
        first[parent] = row;
      }
    }
    return { first, next };
  }

  /// What the parties showed last, at an event: by party, names with value and whether it is new.
  stateAt(row) {
    this.stateLists ??= this.listStates();
    return this.stateLists.map((names) => [...names].map(([name, list]) => {
      const at = lastUpTo(list, row, (entry) => entry.row);
      const value = at < 0 ? '' : this.run.words[list[at].value];
      return { name: this.run.words[name], value, fresh: at >= 0 && list[at].row === row };
    }));
  }

  listStates() {
    const { states } = this.run;
    const lists = Array.from({ length: this.n }, () => new Map());
    for (let at = 0; at < states.row.length; at += 1) {
      const names = lists[states.party[at]];
      if (names === undefined) continue;
      const list = names.get(states.name[at]) ?? [];
      list.push({ row: states.row[at], value: states.value[at] });
      names.set(states.name[at], list);
    }
    return lists;
  }
}

/// The last entry of an ascending list that is not after a value; -1 if there is none.
export function lastUpTo(list, value, of = (entry) => entry) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(list[middle]) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/// The first event in which two runs differ; -1 if they are the same.
export function difference_of(one, other, line) {
  const rows = Math.min(one.run.rows, other.run.rows);
  for (let row = 0; row < rows; row += 1) {
    if (line(one, row) !== line(other, row)) return row;
  }
  return one.run.rows === other.run.rows ? -1 : rows;
}

/// What brought an event about and what it led to; of contradicting messages, what all of them did.
export function related(model, row) {
  const found = model.causes(row);
  const { run } = model;
  const of = run.send[row] >= 0 ? run.send[row] : row;
  const pair = model.letters.has(of) ? model.pairs.find((rows) => rows.flat().includes(of)) : null;
  for (const start of pair ? pair.flat() : [row]) {
    found.add(start);
    model.effects(start, 4000).forEach((effect) => found.add(effect));
  }
  return found;
}
