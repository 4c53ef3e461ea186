// Elements: what they hold is always text, never markup.

/// An element with properties, and with texts and elements inside.
export function el(name, properties = {}, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(key, String(value));
  }
  element.append(...inside.filter((part) => part !== null && part !== undefined));
  return element;
}

/// The same in a drawing.
export function svg(name, properties = {}, ...inside) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(properties)) element.setAttribute(key, String(value));
  element.append(...inside);
  return element;
}

/// A table with a caption and a head.
export function table(caption, names, rows) {
  return el('table', {},
    el('caption', {}, caption),
    el('thead', {}, el('tr', {}, ...names.map((name) => el('th', { scope: 'col' }, name)))),
    el('tbody', {}, ...rows.map((row) => el('tr', {}, ...row.map((cell, at) => (
      at === 0 ? el('th', { scope: 'row' }, cell) : el('td', {}, cell)))))));
}

/// A link that leads out of the page, if the address is one of the web.
export function link(address, text) {
  if (!/^https:\/\//.test(address)) return text;
  return el('a', { href: address, rel: 'noreferrer noopener' }, text);
}
