// Reads the columns of a recorded run; `columns.rs` writes them.

const OF_SEND = ['kind', 'view', 'slot', 'digest', 'bytes', 'hops'];

/// Base64 of deflated bytes as bytes.
export async function inflate(base64) {
  const text = atob(base64.trim());
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/// A number of variable length, as far as 2^53.
function varint(from) {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = from.bytes[from.at];
    from.at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
}

/// A difference with its sign.
function difference(from) {
  const value = varint(from);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/// The run: for each field an array with a value for each event, -1 for none, and its strings.
/// `cause` and `send` name events by their place in the arrays.
export function decode(bytes) {
  const from = { bytes, at: 0 };
  const length = varint(from);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(from.at, from.at + length)));
  let at = from.at + length;
  const readers = head.lengths.map((size) => {
    const reader = { bytes, at };
    at += size;
    return reader;
  });
  const rows = head.rows;
  const run = {
    rows,
    words: ['', ...head.words],
    digests: ['', ...head.digests],
    signerLists: [[], ...head.signers.map((list) => list.split(' ').map(Number))],
    leftOut: head.left_out,
    textsLeftOut: head.texts_left_out,
  };
  const wide = ['id', 'at', 'view', 'slot', 'number'];
  for (const field of head.fields) {
    run[field] = wide.includes(field) ? new Float64Array(rows) : new Int32Array(rows);
  }
  events(run, head.fields, readers);
  run.states = states(head, readers.slice(head.fields.length));
  return run;
}

function events(run, fields, readers) {
  const place = new Places(run.id);
  const read = Object.fromEntries(fields.map((field, at) => [field, readers[at]]));
  const last = Object.fromEntries(fields.map((field) => [field, 0]));
  const delivered = run.words.indexOf('delivered');
  const sent = run.words.indexOf('sent');
  for (let row = 0; row < run.rows; row += 1) {
    const id = last.id + 1 + difference(read.id);
    run.id[row] = id;
    last.id = id;
    last.at += difference(read.at);
    run.at[row] = last.at;
    run.party[row] = difference(read.party);
    run.what[row] = difference(read.what);
    run.cause[row] = place.of(back(read.cause, id));
    const send = back(read.send, id);
    run.send[row] = place.of(send);
    const of = run.what[row] === delivered && send !== null ? place.ofSend(send) : -1;
    for (const field of OF_SEND) {
      // A value is one more than it says, 0 is none: `kind` and `digest` number strings from 1 on.
      const named = field === 'kind' || field === 'digest';
      const base = of < 0 ? last[field] : run[field][of] + (named ? 0 : 1);
      last[field] = base + difference(read[field]);
      run[field][row] = named ? last[field] : last[field] - 1;
    }
    run.from[row] = difference(read.from) - 1;
    run.to[row] = difference(read.to) - 1;
    run.number[row] = difference(read.number) - 1;
    run.signers[row] = difference(read.signers);
    run.parent[row] = difference(read.parent);
    run.text[row] = difference(read.text);
    place.add(id, row, run.what[row] === sent);
  }
  run.placeOf = (id) => place.of(id);
}

/// The number of the event that this one names, or nothing.
function back(reader, id) {
  const value = varint(reader);
  if (value === 0) return null;
  const signed = (value - 1) % 2 === 0 ? (value - 1) / 2 : -value / 2;
  return id + 1 + signed;
}

/// Where events are, by number: mostly the numbers follow each other.
class Places {
  constructor(ids) {
    this.ids = ids;
    this.rows = 0;
    this.map = null;
    this.sends = null;
  }

  add(id, row, sent) {
    if (this.map === null && row > 0 && id !== this.ids[0] + row) this.spread();
    if (this.map !== null) {
      this.map.set(id, row);
      if (sent) this.sends.set(id, row);
    }
    this.rows = row + 1;
  }

  spread() {
    this.map = new Map();
    this.sends = new Map();
    for (let row = 0; row < this.rows; row += 1) {
      this.map.set(this.ids[row], row);
      this.sends.set(this.ids[row], row);
    }
  }

  of(id) {
    if (id === null || this.rows === 0) return -1;
    if (this.map !== null) return this.map.get(id) ?? -1;
    const row = id - this.ids[0];
    return Number.isInteger(row) && row >= 0 && row < this.rows ? row : -1;
  }

  ofSend(id) {
    return this.map === null ? this.of(id) : (this.sends.get(id) ?? -1);
  }
}

/// What changed of what parties show: after which event, of whom, which name, which value.
function states(head, [rows, parties, names, values]) {
  const states = {
    row: new Int32Array(head.states),
    party: new Int32Array(head.states),
    name: new Int32Array(head.states),
    value: new Int32Array(head.states),
  };
  let row = 0;
  for (let at = 0; at < head.states; at += 1) {
    row += varint(rows);
    states.row[at] = row - 1;
    states.party[at] = varint(parties);
    states.name[at] = varint(names);
    states.value[at] = varint(values);
  }
  return states;
}
