// Runs the scenarios. Called by ../smart.sh; `--help` is in that file.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Browsers } from './browser.mjs';
import { Ehr } from './control.mjs';
import { Processes, freePort, startApp, startEhr } from './processes.mjs';
import * as access from './scenarios/access.mjs';
import * as circle from './scenarios/circle.mjs';
import * as hostile from './scenarios/hostile.mjs';
import * as sessions from './scenarios/sessions.mjs';
import { selfTest } from './self_test.mjs';

const SCENARIO_LIMIT = 90_000;
const BRIEF = 6_000;
/** By how much a brief session can be extended. */
const EXTRA = 4_000;

const { values: asked } = parseArgs({
  options: {
    ours: { type: 'string' },
    output: { type: 'string', default: 'target/e2e/smart' },
    'server-time': { type: 'string', default: '100' },
    only: { type: 'string', multiple: true },
    repeat: { type: 'string', default: '1' },
    'self-test': { type: 'boolean', default: false },
  },
});
const failed = [];

/** Runs each scenario in its turn and prints what came of it. */
async function run(scenarios, world) {
  for (const scenario of scenarios) {
    const name = scenario.name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    const [faults, notes] = [[], []];
    const check = (holds, words) => void (holds || faults.push(words));
    check.all = (found) => faults.push(...found);
    check.note = (words) => notes.push(words);
    const start = Date.now();
    await bounded(scenario(world, check)).catch((error) => faults.push(words(error)));
    await world.browsers.closeContexts();
    if (faults.length) notes.push(...(await circumstances(world, start)));
    console.log(`${faults.length ? 'FAILED' : 'ok    '} ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
    notes.forEach((note) => console.log(`       ${note}`));
    faults.forEach((fault) => console.log(`       - ${fault}`));
    if (faults.length) failed.push(name);
  }
}

/** What the service warned of, and what the EHR refused, while a scenario ran: where to look for why it failed. */
async function circumstances({ app, ehr }, start) {
  const lines = app.log ? readFileSync(app.log, 'utf8').split('\n').filter((line) => /"level":"(WARN|ERROR)"/.test(line)) : [];
  const recent = lines.filter((line) => Date.parse(JSON.parse(line).timestamp) >= start);
  const refused = (await ehr.log(start)).filter(({ status }) => status >= 400);
  return [...recent.slice(-6), ...refused.slice(-6).map(({ server, method, path, status }) => `EHR: ${server} ${method} ${path.slice(0, 120)}: ${status}`)];
}

/** An error's first lines, without the colours of a terminal. */
function words(error) {
  return error.message.replace(/\u001b\[\d+m/g, '').split('\n').slice(0, 5).join(' / ');
}

async function bounded(work) {
  let limit;
  const late = new Promise((_, refuse) => (limit = setTimeout(() => refuse(new Error(`not done in ${SCENARIO_LIMIT / 1000} s`)), SCENARIO_LIMIT)));
  await Promise.race([work, late]).finally(() => clearTimeout(limit));
}

async function runAll() {
  const work = mkdtempSync(join(tmpdir(), 'sij-cds-smart-'));
  const processes = new Processes();
  let browsers;
  try {
    const ports = [await freePort(), await freePort()];
    const addresses = await startEhr(processes, work, ports.map((port) => `http://localhost:${port}`));
    const ehr = new Ehr(addresses);
    const common = { binary: asked.ours, work, ehr: addresses };
    const app = await startApp(processes, { ...common, name: 'main', port: ports[0], lifetime: '30m' });
    const brief = await startApp(processes, { ...common, name: 'brief', port: ports[1], lifetime: `${BRIEF / 1000}s`, maxLifetime: `${(BRIEF + EXTRA) / 1000}s` });
    browsers = new Browsers({ output: asked.output, secrets: ehr.secrets });
    const world = { app, brief: { ...brief, lifetime: BRIEF, extra: EXTRA }, ehr, browsers, serverTime: Number(asked['server-time']) };
    await run([...chosen(circle, sessions, access, hostile), nothingSecretInTheLog], world);
  } finally {
    await browsers?.close();
    await processes.endAll();
    rmSync(work, { recursive: true, force: true });
  }
}

function chosen(...modules) {
  const all = modules.flatMap((module) => Object.values(module));
  const some = asked.only ? all.filter(({ name }) => asked.only.includes(name)) : all;
  return Array.from({ length: Number(asked.repeat) }, () => some).flat();
}

/** After all the others: no token, and nobody's id, in the service's log. */
async function nothingSecretInTheLog({ app, brief, ehr }, check) {
  const { patient } = await ehr.chart('nothing-documented');
  const secrets = [...(await ehr.secrets()), patient];
  for (const { log } of [app, brief]) {
    const text = readFileSync(log, 'utf8');
    check(!secrets.some((secret) => text.includes(secret)), 'a token or a patient stands in the log');
    check(!/panicked/.test(text), 'the service panicked');
  }
}

await selfTest(run, asked.output);
if (failed.length) console.log('the test itself is at fault: the app is not tried');
else if (!asked['self-test']) await runAll();
console.log(failed.length ? `${failed.length} scenarios failed: ${failed.join('; ')}` : 'all scenarios are ok');
process.exit(failed.length ? 1 : 0);
