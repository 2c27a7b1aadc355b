// The processes of a run: each is started here, bounded in time, and ended by its own id.

import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { REGISTRATIONS, SECRET } from './authorization.mjs';

const START_LIMIT = 30_000;
const END_LIMIT = 10_000;

export class Processes {
  #running = [];

  constructor() {
    // Ended from outside, for time: nothing is left running.
    process.once('SIGTERM', () => this.endAll().finally(() => process.exit(143)));
    process.once('SIGINT', () => this.endAll().finally(() => process.exit(130)));
  }

  /** Starts a program, its output in a file, and waits until `ready` finds what it looks for in that. */
  async start(program, parameters, file, ready) {
    const out = openSync(file, 'w');
    const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SIJ_CDS__')));
    const child = spawn(program, parameters, { stdio: ['ignore', out, out], env: environment });
    closeSync(out);
    this.#running.push(child);
    const end = Date.now() + START_LIMIT;
    while (Date.now() < end && child.exitCode === null && child.signalCode === null) {
      const found = ready(readFileSync(file, 'utf8'));
      if (found) return { found, child };
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`${program} does not serve: ${readFileSync(file, 'utf8').slice(-1500)}`);
  }

  async end(child) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const limit = setTimeout(() => child.kill('SIGKILL'), END_LIMIT);
    await ended;
    clearTimeout(limit);
  }

  async endAll() {
    await Promise.all(this.#running.splice(0).map((child) => this.end(child)));
  }
}

/** A port that is free at this moment. */
export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

export async function startEhr(processes, work, apps) {
  const lines = (text) => text.split('\n').find((line) => line.startsWith('{"portal"'));
  const { found } = await processes.start('node', [join(import.meta.dirname, 'ehr.mjs'), ...apps], join(work, 'ehr.log'), lines);
  return JSON.parse(found);
}

/** Starts the service with its app; the same key, another ledger and session lifetime each. */
export async function startApp(processes, { binary, work, name, port, ehr, lifetime, maxLifetime }) {
  const key = join(work, 'smart.key');
  const secret = join(work, 'smart.secret');
  if (name === 'main') {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    writeFileSync(secret, SECRET, { mode: 0o600 });
  }
  const file = join(work, `${name}.toml`);
  writeFileSync(file, configuration({ work, name, port, ehr, lifetime, maxLifetime, key, secret }));
  const listening = (text) => text.includes('"listening"');
  const log = join(work, `${name}.log`);
  const { child } = await processes.start(binary, ['serve', '--config', file], log, listening);
  return { base: `http://localhost:${port}`, child, log };
}

function configuration({ work, name, port, ehr, lifetime, maxLifetime, key, secret }) {
  const authentications = { private_key_jwt: 'private-key-jwt', client_secret_basic: 'client-secret', none: 'public' };
  const registrations = Object.entries(REGISTRATIONS).map(([registration, method]) => `
[[fhir_servers]]
name = "${registration}"
base_url = "${ehr.fhir}/${registration}/fhir"
allow_private_addresses = true

[[smart.ehrs]]
name = "${registration}"
fhir_server = "${registration}"
client_id = "sij-cds-${registration}"
authentication = "${authentications[method]}"
${method === 'client_secret_basic' ? `client_secret_file = "${secret}"` : ''}
frame_ancestors = ["${ehr.portal}"]
hosts = ["${new URL(ehr.portal).host}"]
`);
  return `[server]
listen = "127.0.0.1:${port}"
public_url = "http://localhost:${port}"

[ledger]
url = "sqlite:${join(work, `${name}.db`)}"

[smart]
signing_key_file = "${key}"
session_lifetime = "${lifetime}"
${maxLifetime ? `max_session_lifetime = "${maxLifetime}"\n` : ''}${registrations.join('')}`;
}
