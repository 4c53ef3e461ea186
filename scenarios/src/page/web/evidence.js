// Cards of evidence. The reader's browser checks the signatures from the public keys alone.

import { el } from './dom.js';

/// The bytes of hexadecimal digits, or nothing.
export function hex(text) {
  if (typeof text !== 'string' || !/^([0-9a-f]{2})*$/.test(text)) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/// What is under a signature: SHA-256 of domain with its length, instance and statement.
async function signedBytes(instance, statement) {
  const domain = new TextEncoder().encode(statement.domain);
  const parts = [Uint8Array.of(domain.length), domain, hex(instance), hex(statement.bytes)];
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', all));
}

/// Whether a statement is signed with a key: `valid`, `invalid`, or `unknown` where this browser
/// cannot tell.
export async function verify(key, instance, statement) {
  let imported = null;
  try {
    imported = await crypto.subtle.importKey('raw', hex(key), { name: 'Ed25519' }, false, ['verify']);
  } catch (error) {
    const cannot = globalThis.crypto?.subtle === undefined || error.name === 'NotSupportedError';
    return cannot ? 'unknown' : 'invalid';
  }
  try {
    const bytes = await signedBytes(instance, statement);
    const good = await crypto.subtle.verify('Ed25519', imported, hex(statement.signature), bytes);
    return good ? 'valid' : 'invalid';
  } catch {
    return 'invalid';
  }
}

const WORDS = {
  valid: '\u2713 signature valid, checked in your browser',
  invalid: '\u2717 signature NOT valid, checked in your browser',
  unknown: '? this browser has no Ed25519: see what byzlab found below',
};

/// The cards of a run.
export function evidencePanel(model) {
  const file = model.about.evidence;
  const panel = el('div', { class: 'cards' });
  if (!file) {
    const why = model.about.crypto === 'ideal'
      ? 'Ideal signatures prove nothing outside of the run: set crypto = "ed25519".'
      : 'This file holds no evidence.';
    panel.append(el('p', {}, why));
    return panel;
  }
  if (file.evidence.length === 0) panel.append(el('p', {}, 'Nobody is accused in this run.'));
  file.evidence.forEach((evidence, at) => panel.append(card(model, file, evidence, at)));
  if (file.evidence.length > 0) panel.append(rule(model));
  return panel;
}

function card(model, file, evidence, at) {
  const sides = evidence.statements.map((statement, side) => {
    const verdict = el('p', { class: 'signature', role: 'status' }, 'checking the signature');
    verify(file.keys[evidence.culprit], file.instance, statement).then((found) => {
      verdict.textContent = WORDS[found];
      verdict.dataset.found = found;
    });
    return el('div', { class: 'side' },
      el('p', { class: 'letter' }, String.fromCharCode(65 + side)),
      el('p', {}, statement.text),
      el('p', { class: 'bytes' }, `domain ${statement.domain}`),
      el('p', { class: 'bytes' }, `signed bytes ${statement.bytes}`),
      el('p', { class: 'bytes' }, `signature ${statement.signature}`),
      verdict);
  });
  return el('section', { class: 'card', 'aria-labelledby': `card-${model.at}-${at}` },
    el('h3', { id: `card-${model.at}-${at}` },
      `Party ${evidence.culprit} is accused of ${evidence.fault}: it signed both`),
    el('div', { class: 'sides' }, ...sides),
    el('p', { class: 'bytes' }, `key of party ${evidence.culprit} ${file.keys[evidence.culprit]}`));
}

/// By which rules all this was checked, and by whom.
function rule(model) {
  const { checked, version } = model.known;
  const found = checked?.proves
    ? `byzlab ${version} checked all of this when it made the page: it proves guilt.`
    : `byzlab ${version} checked all of this when it made the page: it proves nothing (${
      checked?.why ?? 'not checked'}).`;
  return el('p', { class: 'note' },
    'Your browser checks each signature with WebCrypto: Ed25519 as in RFC 8032, over SHA-256 of '
    + 'domain, instance and statement. It does not judge whether the two statements contradict each '
    + 'other; that is a rule of the protocol. byzlab verifies strictly: it also refuses weak keys and '
    + 'encodings that some libraries let pass. ', found,
    ' Check the file yourself: byzlab verify-evidence FILE.');
}
