// The filter: words such as `kind:vote party:3 view:2..5 decided`.

/// What the words ask for, and which of them mean nothing.
export function parse(text) {
  const query = { kinds: [], parties: [], whats: [], views: null, words: [], wrong: [] };
  for (const word of text.trim().split(/\s+/).filter((part) => part !== '')) {
    const [key, value] = word.split(/:(.*)/s);
    if (value === undefined) query.words.push(word.toLowerCase());
    else if (key === 'kind') query.kinds.push(...value.split(','));
    else if (key === 'what') query.whats.push(...value.split(','));
    else if (key === 'party' && /^\d+(,\d+)*$/.test(value)) {
      query.parties.push(...value.split(',').map(Number));
    } else if (key === 'view' && /^\d+(\.\.=?\d+)?$/.test(value)) query.views = range(value);
    else query.wrong.push(word);
  }
  return query;
}

/// Rust's ranges: 1..3 is 1 and 2, 1..=3 is 1 to 3.
function range(text) {
  const [start, end] = text.split(/\.\.=?/).map(Number);
  if (end === undefined) return [start, start + 1];
  return [start, text.includes('..=') ? end + 1 : end];
}

/// Whether an event is asked for; nothing if all are.
export function predicate(model, query, line) {
  const { kinds, parties, whats, views, words } = query;
  if ([kinds, parties, whats, words].every((list) => list.length === 0) && views === null) {
    return null;
  }
  const { run } = model;
  const places = kinds.map((name) => model.kinds.indexOf(name));
  return (row) => {
    const about = run.view[row] >= 0 || run.send[row] < 0 ? row : run.send[row];
    if (kinds.length > 0 && !places.includes(model.kind(row))) return false;
    if (whats.length > 0 && !whats.includes(run.words[run.what[row]])) return false;
    if (parties.length > 0 && !parties.includes(run.party[row])
      && !parties.includes(run.from[row])) return false;
    if (views !== null && !(run.view[about] >= views[0] && run.view[about] < views[1])) return false;
    if (words.length === 0) return true;
    const text = line(model, row).toLowerCase();
    return words.every((word) => text.includes(word));
  };
}
