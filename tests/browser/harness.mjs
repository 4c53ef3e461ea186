// What the checks share: the command line, pages, a browser without a network.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

export const [BYZLAB, CHROMIUM, FOLDER, ROOT] = process.argv.slice(2).map((path) => resolve(path));
mkdirSync(FOLDER, { recursive: true });

/// Runs byzlab; an expected violation is a success, other statuses are not.
export function byzlab(...args) {
  return execFileSync(BYZLAB, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 30 });
}

/// The page and the trace of a run of a file of the library.
export function recorded(name, file, ...set) {
  const [page, trace] = [join(FOLDER, `${name}.html`), join(FOLDER, `${name}.jsonl`)];
  const sets = set.flatMap((value) => ['--set', value]);
  byzlab('run', `scenarios/library/${file}.toml`, ...sets, '--report', page, '--trace', trace);
  return { page, trace };
}

/// The events of a trace, without its first line, which is none.
export function events(trace) {
  const lines = readFileSync(trace, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  return lines.filter((record) => record.what !== 'run');
}

export async function browser() {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
}

/// Opens a page from disk. What it says to the console and what it asks of the network is noted.
export async function open(browser, file, options = {}) {
  const { hash = '', ...rest } = options;
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 }, offline: true, ...rest,
  });
  const page = await context.newPage();
  page.troubles = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) page.troubles.push(message.text());
  });
  page.on('pageerror', (error) => page.troubles.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith('file:')) page.troubles.push(`asks for ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href + hash);
  await page.waitForSelector('html[data-ready]', { timeout: 60000 });
  return page;
}

/// Checks something and says so.
export function check(good, what) {
  if (!good) throw new Error(what);
}

export function equal(found, expected, what) {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  check(one === other, `${what}: found ${one}, expected ${other}`);
}
