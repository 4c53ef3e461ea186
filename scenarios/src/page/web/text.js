// The words of the command line: `byzlab trace` prints the same line for the same event.

/// Nanoseconds as milliseconds with three digits. A tie goes to the even digit, as Rust rounds.
export function milliseconds(nanos) {
  const value = nanos / 1e6;
  const text = value.toFixed(3);
  if ((value * 16) % 2 !== 1 || Number(text[text.length - 1]) % 2 === 0) return text;
  return (Number(text) - 0.001).toFixed(3);
}

/// One event on one line.
export function line(model, row) {
  const { run } = model;
  const what = run.words[run.what[row]];
  let out = `${String(run.id[row]).padStart(7)}  ${milliseconds(run.at[row]).padStart(12)}ms  `;
  out += `${String(run.party[row]).padStart(3)}  ${what.padEnd(10)}`;
  if (run.kind[row] > 0) out += ` ${run.words[run.kind[row]].padEnd(10)}`;
  if (run.view[row] >= 0) out += ` view ${run.view[row]}`;
  if (run.from[row] >= 0) out += ` from ${run.from[row]}`;
  if (what === 'sent') out += ` to ${run.to[row] < 0 ? 'all' : run.to[row]}`;
  if (run.slot[row] > 0) out += ` slot ${run.slot[row]}`;
  if (run.digest[row] > 0) out += ` ${run.digests[run.digest[row]].slice(0, 8)}`;
  if (run.number[row] >= 0) out += ` ${run.number[row]}`;
  if (run.text[row] > 0 && what !== 'sent') out += `  ${run.words[run.text[row]]}`;
  if (run.cause[row] >= 0) out += `  <- ${run.id[run.cause[row]]}`;
  return out;
}

/// A length of time in the unit that fits.
export function span(nanos) {
  const units = [[1e9, 's'], [1e6, 'ms'], [1e3, 'us']];
  const [size, unit] = units.find(([size]) => Math.abs(nanos) >= size) ?? [1, 'ns'];
  return `${Number((nanos / size).toPrecision(6))} ${unit}`;
}

/// A number with its thousands apart.
export function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/// A number of things.
export function counted(number, thing) {
  return `${grouped(number)} ${thing}${number === 1 ? '' : 's'}`;
}

/// The first digits of a block or value.
export function short(digest) {
  return /^0*$/.test(digest) ? 'default' : digest.slice(0, 8);
}
