// A SMART client of a few lines, which stands for the app while the test tries itself: `run.mjs --self-test`.
//
// It begins a launch for each registration, redeems the code, checks the id_token and shows what it got. Not here: anything the
// app under test shares.

import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import * as jose from 'jose';

import { SECRET } from './authorization.mjs';

const random = () => randomBytes(32).toString('base64url');
const SCOPES = 'launch openid fhirUser patient/Patient.r patient/Condition.rs patient/QuestionnaireResponse.crus';
const OLD_SCOPES = 'launch openid fhirUser patient/Patient.read patient/Condition.read patient/QuestionnaireResponse.read patient/QuestionnaireResponse.write';

export async function stub() {
  const { privateKey, publicKey } = await jose.generateKeyPair('ES384');
  const key = { ...(await jose.exportJWK(publicKey)), kid: 'stub-1', alg: 'ES384', use: 'sig' };
  const launches = new Map();
  /** The last token answer, for what the pages do not show. */
  const seen = { answers: [] };
  const server = createServer((request, response) => {
    serve(request, response).catch((error) => page(response, 500, `Failed: ${error.message}`));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const base = `http://localhost:${server.address().port}`;
  return { base, seen, refresh, close: () => new Promise((done) => server.close(done).closeAllConnections()) };

  async function serve(request, response) {
    const url = new URL(request.url, base);
    if (url.pathname === '/.well-known/jwks.json') return page(response, 200, JSON.stringify({ keys: [key] }), 'application/json');
    if (url.pathname === '/wide') return page(response, 200, '<p style="width:900px">wide</p><img src="data:,"><p tabindex="0" style="outline:none">unmarked</p>');
    if (url.pathname === '/smart/launch') return launch(url, response);
    if (url.pathname.startsWith('/smart/callback/')) return callback(url, response);
    return page(response, 404, 'Not found');
  }

  async function launch(url, response) {
    const iss = url.searchParams.get('iss');
    const registration = new URL(iss).pathname.split('/')[1];
    const described = await (await fetch(`${iss}/.well-known/smart-configuration`)).json();
    const [state, nonce, verifier] = [random(), random(), random()];
    launches.set(state, { registration, described, nonce, verifier, iss });
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    const pkce = url.searchParams.has('without-pkce') ? {} : { code_challenge: challenge, code_challenge_method: 'S256' };
    const parameters = {
      response_type: 'code', client_id: `sij-cds-${registration}`, redirect_uri: `${base}/smart/callback/${registration}`, aud: iss, state, nonce,
      scope: registration === 'old' ? OLD_SCOPES : SCOPES, launch: url.searchParams.get('launch'), ...pkce,
    };
    response.writeHead(302, { location: `${described.authorization_endpoint}?${new URLSearchParams(parameters)}` }).end();
  }

  async function callback(url, response) {
    const launch = launches.get(url.searchParams.get('state'));
    if (url.searchParams.has('error')) return page(response, 403, `Refused: ${url.searchParams.get('error')}`);
    const answer = await token(launch, { grant_type: 'authorization_code', code: url.searchParams.get('code'), redirect_uri: `${base}/smart/callback/${launch.registration}`, code_verifier: launch.verifier });
    const keys = jose.createLocalJWKSet(await (await fetch(launch.described.jwks_uri)).json());
    let user;
    try {
      const { payload } = await jose.jwtVerify(answer.id_token, keys, { issuer: launch.described.issuer, audience: `sij-cds-${launch.registration}` });
      user = payload.nonce === launch.nonce ? payload.fhirUser : 'wrong nonce';
    } catch (error) {
      user = error.code;
    }
    seen.answers.push({ launch, answer });
    page(response, 200, `<main><h1 id="got">${answer.patient} ${user}</h1></main>`);
  }

  async function token(launch, parameters) {
    const client = `sij-cds-${launch.registration}`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    if (launch.registration === 'secret') headers.authorization = `Basic ${Buffer.from(`${client}:${encodeURIComponent(SECRET)}`).toString('base64')}`;
    else parameters.client_id = client;
    if (launch.registration === 'key') {
      parameters.client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
      parameters.client_assertion = await new jose.SignJWT({}).setProtectedHeader({ alg: 'ES384', kid: 'stub-1' }).setIssuer(client).setSubject(client)
        .setAudience(launch.described.token_endpoint).setJti(random()).setIssuedAt().setExpirationTime('2m').sign(privateKey);
    }
    const answer = await fetch(launch.described.token_endpoint, { method: 'POST', headers, body: new URLSearchParams(parameters) });
    const body = await answer.json();
    if (!answer.ok) throw new Error(`${body.error}: ${body.error_description}`);
    return body;
  }

  async function refresh({ launch, answer }) {
    return token(launch, { grant_type: 'refresh_token', refresh_token: answer.refresh_token });
  }

  function page(response, status, body, type = 'text/html; charset=utf-8') {
    const html = type.startsWith('text/html') ? `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>stub</title>${body}` : body;
    response.writeHead(status, { 'content-type': type }).end(html);
  }
}
