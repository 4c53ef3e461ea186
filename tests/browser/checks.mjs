// What a page must do, in a real browser.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { browser, byzlab, check, equal, events, FOLDER, open, recorded } from './harness.mjs';

// Times are printed; they are held only where somebody asks for it, on a machine that is idle.
const TIMES = process.env.BYZLAB_BROWSER_TIMES === '1';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const violated = recorded('violated', 'beyond/hotstuff-amnesia');
const equivocating = recorded('equivocating', 'pbft/equivocating-leader');
const many = recorded('many', 'good-case/pbft-four', 'workload.commands=2400', 'crypto="ideal"',
  'stop.decisions=2400');

const CHECKS = {
  async 'a page opens from disk without a word on the console and without a network'(chromium) {
    for (const run of [violated, equivocating]) {
      const page = await open(chromium, run.page);
      equal(page.troubles, [], 'console and network');
      equal(await page.getAttribute('html', 'data-ready'), 'yes', 'ready');
      check((await page.textContent('.verdict .word')).startsWith('PASS'), 'verdict first');
      await page.context().close();
    }
  },

  async 'the keyboard alone leads to the violation and back'(chromium) {
    const page = await open(chromium, violated.page);
    for (let tabs = 0; tabs < 60; tabs += 1) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement.tagName) === 'CANVAS') break;
    }
    equal(await page.evaluate(() => document.activeElement.tagName), 'CANVAS', 'reached by Tab');
    const report = JSON.parse(byzlab('run', 'scenarios/library/beyond/hotstuff-amnesia.toml', '--json'));
    for (const event of report.violations[0].events) {
      await page.keyboard.press('v');
      const said = await page.textContent('.live');
      check(said.startsWith(`Event ${event} `) && said.includes('a violation'), `said: ${said}`);
    }
    const chosen = () => page.evaluate(() => byzlab.cursor);
    const here = await chosen();
    await page.keyboard.press('ArrowLeft');
    equal(await chosen(), here - 1, 'a step back');
    await page.keyboard.press('ArrowRight');
    equal(await chosen(), here, 'a step forwards');
    await page.keyboard.press('Shift+ArrowLeft');
    check((await page.textContent('.live')).includes('entered'), 'the view before');
    await page.keyboard.press('Escape');
    equal(await chosen(), -1, 'nothing chosen');
    await page.keyboard.press('?');
    check(await page.isVisible('dialog[open]'), 'the keys are shown');
    equal(page.troubles, [], 'console');
    await page.context().close();
  },

  async 'hovering a message says what the command line says'(chromium) {
    const lines = byzlab('trace', violated.trace).split('\n');
    const page = await open(chromium, violated.page);
    const points = await page.evaluate(() => {
      const { diagram, canvas } = byzlab.diagrams[0];
      const box = canvas.getBoundingClientRect();
      const { run } = byzlab.model;
      const places = diagram.items.filter((item) => item.part).flatMap(({ row, part: [x0, y0, x1, y1] }) => (
        [0.5, 0.35, 0.65, 0.2, 0.8].map((at) => ({
          row, id: run.id[row], x: Math.round(x0 + (x1 - x0) * at), y: Math.round(y0 + (y1 - y0) * at),
        }))));
      // Where lines cross, the pointer is at one of them: those places say nothing.
      const alone = ({ row, x, y }) => [-2, 0, 2].every((by) => (
        diagram.hit(x + by, y)?.row === row && diagram.hit(x, y + by)?.row === row));
      const seen = new Set();
      return places.filter((place) => alone(place) && !seen.has(place.row) && seen.add(place.row))
        .map(({ id, x, y }) => ({
          id, x: Math.round(box.x) + canvas.clientLeft + x, y: Math.round(box.y) + canvas.clientTop + y,
        }));
    });
    check(points.length >= 20, `${points.length} messages can be pointed at`);
    for (const { id, x, y } of points.slice(0, 40)) {
      await page.mouse.move(x, y);
      const said = await page.textContent('.tip pre');
      const word = /delivered|dropped/.exec(said)?.[0];
      const expected = lines.find((line) => line.startsWith(`${String(id).padStart(7)}  `)
        && line.includes(` ${word} `));
      equal(said, expected, 'the tip');
    }
    const all = await page.evaluate(() => Array.from(
      byzlab.model.run.id, (_, row) => byzlab.lineOf(row)));
    const shown = lines.filter((line) => line !== '' && !/^\s+run\s/.test(line)
      && !/ms\s+\d+\s+shown /.test(line));
    equal(all, shown, 'every event');
    await page.context().close();
  },

  async 'counts in bars are the counts of the trace at five zooms'(chromium) {
    const page = await open(chromium, many.page);
    const records = events(many.trace);
    const kinds = new Map(records.filter(({ what }) => what === 'sent').map(({ id, kind }) => [id, kind]));
    const arrivals = records.filter(({ what, from, party }) => (
      (what === 'delivered' || what === 'dropped') && from !== party));
    check(arrivals.length >= 100000, `${arrivals.length} messages`);
    const end = records.at(-1).at;
    for (const share of [1, 0.7, 0.4, 0.15, 0.05]) {
      const bins = await page.evaluate(([start, width]) => {
        const { scale, model, diagrams } = byzlab;
        scale.show(start, width);
        diagrams[0].diagram.draw();
        if (diagrams[0].diagram.level() !== 'bars') return null;
        return diagrams[0].diagram.bins().map((bin) => ({ ...bin, kind: model.kinds[bin.kind] }));
      }, [end * (1 - share) * 0.6, end * share]);
      check(bins !== null && bins.length > 0, `bars at ${share}`);
      const [start, stop] = [Math.min(...bins.map((bin) => bin.start)), Math.max(...bins.map((bin) => bin.stop))];
      const size = bins[0].stop - bins[0].start;
      const raw = new Map();
      for (const { at, party, kind, send } of arrivals) {
        if (at < start || at >= stop) continue;
        const key = `${Math.floor(at / size)} ${party} ${kind ?? kinds.get(send)}`;
        raw.set(key, (raw.get(key) ?? 0) + 1);
      }
      const drawn = new Map(bins.map((bin) => (
        [`${Math.round(bin.start / size)} ${bin.party} ${bin.kind}`, bin.count])));
      equal([...drawn].sort(), [...raw].sort(), `bars at ${share}`);
    }
    await page.context().close();
  },

  async 'evidence verifies in the browser, and not after a byte of the file was flipped'(chromium) {
    const found = async (file) => {
      const page = await open(chromium, file, { hash: '#tab=evidence' });
      await page.waitForFunction(() => [...document.querySelectorAll('.signature')]
        .every((element) => element.dataset.found));
      const list = await page.$$eval('.signature', (elements) => elements.map((element) => element.dataset.found));
      await page.context().close();
      return list;
    };
    equal(await found(violated.page), ['valid', 'valid', 'valid', 'valid'], 'as written');
    const text = readFileSync(violated.page, 'utf8');
    const flip = (key) => text.replace(new RegExp(`("${key}":")([0-9a-f])`), (_, before, digit) => (
      before + (digit === '0' ? '1' : '0')));
    for (const key of ['signature', 'bytes']) {
      const flipped = join(FOLDER, `flipped-${key}.html`);
      writeFileSync(flipped, flip(key));
      const list = await found(flipped);
      check(list.includes('invalid') && list.includes('valid'), `${key}: ${list}`);
    }
  },

  async 'what parties and files say stays text'(chromium) {
    const hostile = '</script><img src=x onerror=globalThis.hit=1><script>globalThis.hit=1</script>';
    const scenario = join(FOLDER, 'hostile.toml');
    const [file, trace] = [join(FOLDER, 'hostile.html'), join(FOLDER, 'hostile.jsonl')];
    writeFileSync(scenario, `title = '${hostile}'\nprotocol = "dolev-strong"\nn = 4\nf = 1\n`
      + `[network]\nmodel = "synchrony"\n[workload]\ninputs = ['${hostile}']\n`);
    byzlab('run', scenario, '--trace', trace);
    const lines = readFileSync(trace, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
    lines.forEach((line) => { if (line.what !== 'run') line.text = `${line.text ?? ''}${hostile}`; });
    writeFileSync(trace, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
    byzlab('report', trace, '--out', file);
    const page = await open(chromium, file);
    let shown = 0;
    for (let step = 0; step < 25; step += 1) {
      await page.keyboard.press('ArrowRight');
      const texts = await page.$$eval('pre.line, pre.text', (found) => found.map((element) => element.textContent));
      shown += Number(texts.some((text) => text.includes(hostile)));
    }
    check(shown > 20, `shown as text in ${shown} of 25 events`);
    equal(await page.textContent('h1'), hostile, 'the title');
    equal(await page.$$eval('img', (found) => found.length), 0, 'no element');
    equal(await page.evaluate(() => globalThis.hit ?? null), null, 'nothing ran');
    equal(page.troubles, [], 'console');
    await page.context().close();
  },

  async 'axe finds nothing, in light and in dark'(chromium) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await open(chromium, violated.page, { colorScheme });
      for (const tab of ['properties', 'costs', 'quorums', 'evidence', 'chain']) {
        await page.click(`#tab-${tab}`);
        await page.evaluate(() => byzlab.violation());
        await page.evaluate(axe);
        const found = await page.evaluate(async () => (await axe.run()).violations.map((violation) => (
          `${violation.id}: ${violation.nodes.map((node) => node.target).join(' ')}`)));
        equal(found, [], `${colorScheme}, ${tab}`);
      }
      await page.context().close();
    }
  },

  async 'two runs stand beside each other from their first difference'(chromium) {
    const other = recorded('other', 'beyond/hotstuff-amnesia', 'seed=2');
    const file = join(FOLDER, 'two.html');
    byzlab('report', violated.trace, other.trace, '--out', file);
    const page = await open(chromium, file);
    const [one, two] = [violated, other].map(({ trace }) => byzlab('trace', trace).split('\n')
      .filter((line) => !/^\s+run\s/.test(line) && !/ms\s+\d+\s+shown /.test(line)));
    const row = one.findIndex((line, at) => line !== two[at]);
    equal(await page.evaluate(() => byzlab.parts), row, 'the first difference');
    equal(await page.$$eval('.diagram canvas', (found) => found.length), 2, 'diagrams');
    const places = await page.evaluate(() => byzlab.diagrams.map(({ diagram }) => (
      (diagram.at(diagram.parts) - 104) / (diagram.width - 104))));
    check(places.every((at) => at > 0 && at < 1), `the first difference is in view: ${places}`);
    equal(page.troubles, [], 'console');
    await page.context().close();
  },

  async 'the chain shows the blocks and the fork'(chromium) {
    const page = await open(chromium, violated.page, { hash: '#tab=chain' });
    const names = await page.$$eval('g.block', (found) => found.map((block) => block.getAttribute('aria-description')));
    const decided = events(violated.trace).filter(({ what }) => what === 'decided');
    for (const { digest, slot } of decided) {
      const name = names.find((text) => text.startsWith(`block ${digest.slice(0, 8)}, height ${slot}, `));
      check(name?.includes('decided by'), `${digest} is not among ${names}`);
    }
    check(names.filter((name) => name.endsWith('in conflict')).length === 2, `${names}`);
    equal(page.troubles, [], 'console');
    await page.context().close();
  },

  async 'an address brings the view back'(chromium) {
    const page = await open(chromium, violated.page, { hash: '#e=178&w=0..200000000&f=kind:decide&tab=costs' });
    equal(await page.evaluate(() => [byzlab.model.run.id[byzlab.cursor], byzlab.tab]), [178, 'costs'], 'state');
    equal(await page.inputValue('#filter'), 'kind:decide', 'filter');
    const kinds = await page.evaluate(() => [...new Set(Array.from(byzlab.model.shown, (row) => (
      byzlab.model.kinds[byzlab.model.kind(row)])))]);
    equal(kinds, ['decide'], 'only what is asked for');
    await page.context().close();
  },

  async 'a hundred thousand messages are under 1 MB, there within 1 s, and pan smoothly'(chromium) {
    const bytes = statSync(many.page).size;
    check(bytes < 1e6, `${bytes} bytes`);
    const page = await open(chromium, many.page);
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
    if (TIMES) check(paint < 1000, `first paint after ${paint} ms`);
    for (const share of [1, 0.2, 0.01]) {
      const frame = await page.evaluate(async (share) => {
        byzlab.scale.show(0, byzlab.scale.length * share);
        const frames = [];
        let last = await new Promise(requestAnimationFrame);
        for (let at = 0; at < 60; at += 1) {
          byzlab.moved(share === 1 ? 0.001 : 0.05);
          const now = await new Promise(requestAnimationFrame);
          frames.push(now - last);
          last = now;
        }
        return frames.sort((a, b) => a - b)[30];
      }, share);
      console.log(`      ${bytes} bytes, first paint ${paint.toFixed(0)} ms, median frame ${frame.toFixed(1)} ms`);
      if (TIMES) check(frame < 20, `median frame ${frame} ms at ${share}`);
    }
    await page.context().close();
  },

  async 'certificates are drawn from the votes of the trace, and where two quorums meet'(chromium) {
    const records = events(violated.trace);
    const report = JSON.parse(byzlab('run', 'scenarios/library/beyond/hotstuff-amnesia.toml', '--json'));
    const shown = report.violations.find(({ property }) => property === 'agreement').events
      .map((id) => records.find((record) => record.id === id && record.what === 'decided'));
    const page = await open(chromium, violated.page);
    const drawn = () => page.evaluate(() => {
      const { run } = byzlab.model;
      const { certificates } = byzlab.diagrams[0].diagram;
      return certificates.map(({ row, voters, votes }) => ({
        id: run.id[row], voters, votes: [...votes].map(([party, vote]) => ({ party, id: run.id[vote] })),
      }));
    });
    const pair = await drawn();
    equal(pair.map(({ id }) => id).sort(), shown.map(({ id }) => id).sort(), 'the two decisions');
    for (const { id, voters, votes } of pair) {
      const decided = shown.find((record) => record.id === id);
      equal(voters, decided.signers, 'voters');
      for (const vote of votes) {
        const sent = records.find((record) => record.id === vote.id && record.what === 'sent');
        equal([sent.party, sent.digest, sent.kind], [vote.party, decided.digest, 'commit-vote'], 'a vote');
      }
    }
    const meet = pair[0].voters.filter((party) => pair[1].voters.includes(party));
    const honest = meet.filter((party) => !report.fired.some((fault) => fault.party === party));
    equal(honest, [], 'nobody honest voted for both');
    check((await page.textContent('.votes')).includes(`meet in ${meet.join(' ')}: nobody honest`), 'in words');
    await page.evaluate(() => byzlab.select(byzlab.model.decisions[0]));
    await page.waitForFunction(() => byzlab.diagrams[0].diagram.certificates.length > 0);
    check((await drawn()).some(({ id }) => id === records.find(({ what }) => what === 'decided').id), 'chosen');
    equal(page.troubles, [], 'console');
    await page.context().close();
  },

  async 'every honest decision of every protocol with certificates shows its votes'(chromium) {
    for (const protocol of ['pbft', 'pbft-classic', 'hotstuff', 'hotstuff-chained']) {
      const [file, trace, scenario] = ['html', 'jsonl', 'toml'].map((end) => join(FOLDER, `votes-${protocol}.${end}`));
      writeFileSync(scenario, `protocol = "${protocol}"\nn = 4\n[network]\ndelay.uniform = ["5ms", "20ms"]\n`
        + '[workload]\ncommands = 8\n');
      byzlab('run', scenario, '--report', file, '--trace', trace);
      const page = await open(chromium, file);
      const found = await page.evaluate(() => byzlab.model.decisions.map((row) => {
        byzlab.select(row);
        byzlab.diagrams[0].diagram.draw();
        return byzlab.diagrams[0].diagram.certificates.map(({ voters }) => voters.join(' ')).join();
      }));
      const decided = events(trace).filter(({ what }) => what === 'decided');
      equal(found, decided.map(({ signers }) => signers.join(' ')), protocol);
      check(found.length >= 32 && found.every((voters) => voters.length >= 5), `${protocol}: ${found}`);
      await page.context().close();
    }
  },

  async 'the strip counts the whole run, and moves what is in view'(chromium) {
    const page = await open(chromium, many.page);
    const [sum, all] = await page.evaluate(() => [
      byzlab.strip.counts().reduce((one, other) => one + other, 0), byzlab.model.arrivals.length]);
    equal(sum, all, 'messages counted');
    await page.evaluate(() => byzlab.scale.show(0, byzlab.scale.length * 0.1));
    const box = await page.locator('canvas.strip').boundingBox();
    await page.mouse.click(box.x + box.width * 0.6, box.y + box.height / 2);
    const middle = () => page.evaluate(() => (
      (byzlab.scale.start + byzlab.scale.stop) / 2 / byzlab.scale.length));
    const here = await middle();
    check(Math.abs(here - 0.6) < 0.01, `a click at 0.6 shows ${here}`);
    await page.focus('canvas.strip');
    await page.keyboard.press('ArrowRight');
    check(Math.abs(await middle() - here - 0.025) < 0.001, `a quarter of the view further: ${await middle()}`);
    await page.keyboard.press('Home');
    check(await page.evaluate(() => byzlab.scale.start <= 0), 'the start');
    const small = await open(chromium, violated.page);
    equal(await small.isVisible('canvas.strip'), small.troubles.length === 0
      && await small.evaluate(() => byzlab.model.arrivals.length > 150), 'only where it is worth it');
    equal(page.troubles, [], 'console');
    await page.context().close();
    await small.context().close();
  },

  async 'a run of a million events opens'(chromium) {
    const [file, scenario] = [join(FOLDER, 'million.html'), join(FOLDER, 'million.toml')];
    writeFileSync(scenario, 'protocol = "pbft"\nn = 16\nseed = 3\ncrypto = "ideal"\n'
      + '[network]\ndelay.uniform = ["5ms", "20ms"]\n'
      + '[[byzantine]]\nparties = [3, 7]\nbehaviour = "equivocate"\n'
      + '[[byzantine]]\nparties = [11]\nbehaviour = "silent"\n[workload]\ncommands = 800\n');
    const report = JSON.parse(byzlab('run', scenario, '--json', '--report', file));
    const page = await open(chromium, file);
    equal(await page.getAttribute('html', 'data-ready'), 'yes', 'ready');
    const [rows, arrived] = await page.evaluate(() => [
      byzlab.model.run.rows, byzlab.model.arrivals.length]);
    check(rows >= 1e6, `${rows} events`);
    const still = report.metrics.messages - arrived;
    check(still >= 0 && still < 16 * 16 * 4, `${still} of ${report.metrics.messages} messages are on their way`);
    await page.evaluate(() => byzlab.notable(1));
    check((await page.textContent('.live')).startsWith('Event '), 'steps');
    equal(page.troubles, [], 'console');
    console.log(`      ${rows} events, ${statSync(file).size} bytes`);
    await page.context().close();
  },
};

const only = process.env.BYZLAB_BROWSER_ONLY ?? '';
const chromium = await browser();
let failed = 0;
for (const [name, run] of Object.entries(CHECKS).filter(([name]) => name.includes(only))) {
  const start = Date.now();
  try {
    await run(chromium);
    console.log(`  ok  ${name} (${Date.now() - start} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${error.message}`);
  }
}
await chromium.close();
process.exit(failed > 0 ? 1 : 0);
