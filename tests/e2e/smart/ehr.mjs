// An EHR on this machine: authorization server and pages at one port of 127.0.0.1, FHIR servers at another. The app is at localhost,
// which is another site to a browser.
//
//   node ehr.mjs <app's address>...
//
// It prints one line of JSON with its addresses and then serves until it is ended. There is a FHIR base for each of the app's
// registrations: /key/fhir, /secret/fhir, /public/fhir, and /old/fhir, which knows the first syntax of scopes alone. Below
// /control the test says what is to happen, and reads what happened.

import { createServer } from 'node:http';

import { REGISTRATIONS, authorization } from './authorization.mjs';
import { chart, day, withOrders } from './charts.mjs';
import { begin, issue, secrets } from './launches.mjs';
import * as records from './records.mjs';

const apps = process.argv.slice(2);
const STORIES = ['nothing-documented', 'relief-by-pain-scores-alone', 'second-diagnostic-day-10', 'first-injection-fully-documented'];

const charts = Object.fromEntries(STORIES.map((story) => [story, chart(story)]));
charts['no-order'] = withOrders('no-order', charts['nothing-documented'], 0);
charts['two-orders'] = withOrders('two-orders', charts['nothing-documented'], 2);
const log = [];
const trapped = [];

const portal = createServer();
const fhir = createServer();
const trap = createServer((request, response) => {
  trapped.push(request.url);
  response.writeHead(404).end();
});
// Longer than a run's pauses: Node would close a connection after five seconds, perhaps just as it is used again.
for (const server of [portal, fhir]) server.keepAliveTimeout = 600_000;
await Promise.all([portal, fhir, trap].map((server) => new Promise((done) => server.listen(0, '127.0.0.1', done))));
const [portalBase, fhirBase, trapBase] = [portal, fhir, trap].map((server) => `http://127.0.0.1:${server.address().port}`);

const practitioner = { resourceType: 'Practitioner', id: 'practitioner-1', active: true, name: [{ text: 'Synthetic Practitioner' }] };
await records.load([practitioner, ...Object.values(charts).flatMap(({ resources }) => structuredClone(resources))]);
const server = await authorization({ issuer: portalBase, apps, patients: Object.values(charts).map(({ patient }) => patient) });
server.provider.proxy = false;
const openid = server.provider.callback();

/** Notes when a request came and when it was answered, in milliseconds since 1970. */
function timed(name, handle) {
  return async (request, response) => {
    const entry = { server: name, method: request.method, path: request.url, start: performance.timeOrigin + performance.now() };
    response.once('close', () => log.push({ ...entry, status: response.statusCode, end: performance.timeOrigin + performance.now() }));
    try {
      await handle(request, response);
    } catch (error) {
      console.error(error);
      if (!response.headersSent) response.writeHead(500).end();
    }
  };
}

portal.on('request', timed('portal', async (request, response) => {
  const url = new URL(request.url, portalBase);
  if (url.pathname.startsWith('/control/')) return control(url, request, response);
  if (url.pathname.startsWith('/interaction/')) return server.interaction(request, response);
  if (url.pathname === '/chart') return framed(url, response);
  if (url.pathname === '/cookie') return cookie(request, response);
  return openid(request, response);
}));

fhir.on('request', timed('fhir', async (request, response) => {
  const url = new URL(request.url, fhirBase);
  const [registration, fhirPart, ...path] = url.pathname.split('/').filter(Boolean);
  if (!REGISTRATIONS[registration] || fhirPart !== 'fhir') return send(response, 404, {});
  if (path.join('/') === '.well-known/smart-configuration') return send(response, 200, description(registration));
  const body = request.method === 'GET' ? undefined : JSON.parse((await text(request)) || 'null');
  const [status, resource] = await records.answer({ method: request.method, path, search: url.search, body, headers: request.headers });
  records.addNext(resource, url);
  const headers = { 'content-type': 'application/fhir+json; charset=utf-8' };
  if (resource.meta?.versionId) headers.etag = `W/"${resource.meta.versionId}"`;
  if (status === 201) headers.location = `${fhirBase}/${registration}/fhir/${resource.resourceType}/${resource.id}/_history/${resource.meta?.versionId}`;
  return send(response, status, resource, headers);
}));

/** `.well-known/smart-configuration` (SMART App Launch 2.2). */
function description(registration) {
  const permission = registration === 'old' ? 'permission-v1' : 'permission-v2';
  return {
    issuer: portalBase,
    jwks_uri: `${portalBase}/jwks`,
    authorization_endpoint: `${portalBase}/auth`,
    token_endpoint: `${portalBase}/token`,
    token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_basic', 'none'],
    grant_types_supported: ['authorization_code'],
    code_challenge_methods_supported: ['S256'],
    capabilities: ['launch-ehr', 'launch-standalone', 'client-public', 'client-confidential-symmetric', 'client-confidential-asymmetric', 'sso-openid-connect', 'context-ehr-patient', 'permission-patient', permission],
  };
}

async function control(url, request, response) {
  const name = url.pathname.slice('/control/'.length);
  const body = request.method === 'POST' ? JSON.parse((await text(request)) || '{}') : {};
  const query = Object.fromEntries(url.searchParams);
  const answers = {
    launch: () => begin({ ...contextOf(body.story), ...body }),
    chart: () => charts[query.story],
    log: () => log.filter((entry) => entry.end >= Number(query.since ?? 0) && !entry.path.startsWith('/control/')),
    secrets: () => [...secrets],
    trapped: () => trapped,
    resources: () => records.stored(query.type, query.patient),
    remove: async () => (await records.remove(query.type, query.patient), {}),
    token: () => hookToken(body.story),
    today: () => day(),
  };
  return answers[name] ? send(response, 200, (await answers[name]()) ?? null) : send(response, 404, {});
}

function contextOf(story) {
  return story ? { patient: charts[story].patient, encounter: charts[story].encounter } : {};
}

/** A token as it comes with a hook call. */
function hookToken(story) {
  const launch = begin(contextOf(story));
  issue(`hook-${launch.id}`, launch, ['patient/*.rs']);
  return `hook-${launch.id}`;
}

/** The chart's page, with the app in a frame on it. */
function framed(url, response) {
  const address = url.searchParams.get('app').replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><html lang="en"><title>EHR</title><style>body{margin:0}iframe{border:0;width:100%;height:95vh}</style><h1>EHR</h1><iframe title="app" src="${address}"></iframe>`);
}

/** Says whether a cookie that it set came back: with it a browser is shown to block those of third parties. */
function cookie(request, response) {
  const seen = request.headers.cookie?.includes('seen=1') ? 'yes' : 'no';
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'set-cookie': 'seen=1; Secure; SameSite=None; Path=/cookie' });
  response.end(`<!doctype html><html lang="en"><title>cookie</title><p id="seen">${seen}</p>`);
}

function send(response, status, value, headers = { 'content-type': 'application/json' }) {
  response.writeHead(status, { 'cache-control': 'no-store', ...headers }).end(JSON.stringify(value));
}

async function text(request) {
  let whole = '';
  for await (const part of request) whole += part;
  return whole;
}

console.log(JSON.stringify({ portal: portalBase, fhir: fhirBase, trap: trapBase }));
