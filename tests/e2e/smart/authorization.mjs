// The EHR's authorization server: npm's oidc-provider (certified for OpenID Connect), with what SMART App Launch adds.
//
// Added are the launch parameters in the authorization request, and patient, encounter, fhirContext and appContext beside the
// token. Required of every client is PKCE. A user of the EHR is logged in already, as one who opens an app from a chart is.

import { randomUUID } from 'node:crypto';

import * as jose from 'jose';
import Provider from 'oidc-provider';

import { grantTo, issue, launchOf, launchOfGrant, begin, secrets } from './launches.mjs';

const USER = 'practitioner-1';
const TYPES = ['Patient', 'Coverage', 'Condition', 'Procedure', 'MedicationStatement', 'MedicationRequest', 'AllergyIntolerance', 'Observation', 'QuestionnaireResponse', 'ServiceRequest', 'Practitioner', 'Encounter', 'DeviceRequest', 'Organization', '*'];
const OPERATIONS = ['r', 's', 'rs', 'c', 'cu', 'cru', 'crs', 'crus', 'cruds', 'read', 'write', '*'];
const SCOPES = ['openid', 'fhirUser', 'profile', 'launch', 'launch/patient', 'launch/encounter', 'online_access', 'offline_access'];

/** The registrations: how the app proves who it is at each of the EHR's FHIR servers. */
export const REGISTRATIONS = { key: 'private_key_jwt', secret: 'client_secret_basic', public: 'none', old: 'none' };
export const SECRET = 'secret of the end-to-end test, made for it alone';

export async function authorization({ issuer, apps, patients }) {
  const { privateKey } = await jose.generateKeyPair('ES384', { extractable: true });
  const other = await jose.generateKeyPair('ES384');
  const key = { ...(await jose.exportJWK(privateKey)), kid: 'ehr-1', alg: 'ES384', use: 'sig' };
  const provider = new Provider(issuer, {
    clients: Object.entries(REGISTRATIONS).map(([name, method]) => client(name, method, apps)),
    jwks: { keys: [key] },
    cookies: { keys: [randomUUID()] },
    scopes: [...SCOPES, ...TYPES.flatMap((type) => OPERATIONS.map((operation) => `patient/${type}.${operation}`))],
    claims: { openid: ['sub'], fhirUser: ['fhirUser'] },
    conformIdTokenClaims: false,
    extraParams: ['launch', 'aud'],
    pkce: { methods: ['S256'], required: () => true },
    enabledJWA: { idTokenSigningAlgValues: ['ES384'], clientAuthSigningAlgValues: ['ES384', 'RS384'] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false } },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, fhirUser: `Practitioner/${id}` }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: async () => true,
    // Two launches at once begin a session each, of which the browser keeps one.
    expiresWithSession: async () => false,
    // Each launch is for one patient: what was granted before is granted for that one.
    loadExistingGrant: async (ctx) => (ctx.oidc.result?.consent ? ctx.oidc.provider.Grant.find(ctx.oidc.result.consent.grantId) : undefined),
    ttl: { AccessToken: (ctx) => launchOfContext(ctx)?.lifetime ?? 300, Grant: 3600, Session: 3600, Interaction: 600, IdToken: 300, RefreshToken: 3600 },
    renderError: (ctx, error) => {
      ctx.type = 'html';
      ctx.body = `<!doctype html><html lang="en"><title>EHR</title><h1>EHR: ${error.error}</h1><p>${error.error_description ?? ''}</p>`;
    },
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === '/token' && ctx.status === 200) await addContext(ctx, other.privateKey);
  });
  return { provider, interaction: interaction(provider, patients) };
}

function client(name, method, apps) {
  return {
    client_id: `sij-cds-${name}`,
    token_endpoint_auth_method: method,
    ...(method === 'client_secret_basic' ? { client_secret: SECRET } : {}),
    ...(method === 'private_key_jwt' ? { jwks_uri: `${apps[0]}/.well-known/jwks.json`, token_endpoint_auth_signing_alg: 'ES384' } : {}),
    redirect_uris: apps.map((app) => `${app}/smart/callback/${name}`),
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    id_token_signed_response_alg: 'ES384',
  };
}

function launchOfContext(ctx) {
  const { AuthorizationCode, RefreshToken } = ctx.oidc.entities;
  return launchOfGrant((RefreshToken ?? AuthorizationCode)?.grantId);
}

/** What SMART puts beside the token, and what this launch does wrong on purpose. */
async function addContext(ctx, otherKey) {
  const launch = launchOfContext(ctx);
  const isRefresh = ctx.oidc.params.grant_type === 'refresh_token';
  const scopes = launch.readOnly ? withoutWriting(ctx.body.scope.split(' ')) : ctx.body.scope.split(' ');
  const { patient, patientAtToken, patientAtRefresh, encounter, fhirContext, appContext } = launch;
  Object.assign(ctx.body, { scope: scopes.join(' '), patient: (isRefresh ? patientAtRefresh : patientAtToken) ?? patient, encounter, need_patient_banner: true });
  if (fhirContext) ctx.body.fhirContext = fhirContext;
  if (appContext !== undefined) ctx.body.appContext = appContext;
  if (launch.identityKey === 'other') {
    const claims = jose.decodeJwt(ctx.body.id_token);
    ctx.body.id_token = await new jose.SignJWT(claims).setProtectedHeader({ alg: 'ES384', kid: 'ehr-1' }).sign(otherKey);
  }
  [ctx.body.refresh_token, ctx.body.id_token].filter(Boolean).forEach((token) => secrets.add(token));
  issue(ctx.body.access_token, launch, scopes);
}

function withoutWriting(scopes) {
  return scopes.map((scope) => scope.replace(/\.[cruds]+$/, (letters) => letters.replace(/[cud]/g, ''))).filter((scope) => !scope.endsWith('.write'));
}

/** The pages between the launch and the app: a patient to choose where none is open, and consent where it is asked. */
function interaction(provider, patients) {
  return async (request, response) => {
    const { uid, params } = await provider.interactionDetails(request, response);
    const answer = new URL(request.url, 'http://ehr').searchParams;
    const chosen = answer.get('patient');
    const launch = chosen ? begin({ patient: chosen }) : launchOf(params.launch);
    if (!launch && params.launch) return finish({ error: 'invalid_request', error_description: 'the launch is not known' });
    if (!launch) return ask('Which patient?', patients.map((patient) => [`?patient=${patient}`, patient]));
    if (launch.consent && !answer.has('decision')) return ask('May the app read this chart?', [['?decision=allow', 'Allow'], ['?decision=refuse', 'Refuse']]);
    if (answer.get('decision') === 'refuse') return finish({ error: 'access_denied', error_description: 'the user refused' });
    const grant = new provider.Grant({ accountId: USER, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    const grantId = await grant.save();
    grantTo(grantId, launch);
    return finish({ login: { accountId: USER }, consent: { grantId } });

    function finish(result) {
      return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    }
    function ask(question, choices) {
      const links = choices.map(([href, words]) => `<li><a href="/interaction/${uid}${href}">${words}</a></li>`).join('');
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end(`<!doctype html><html lang="en"><title>EHR</title><h1>${question}</h1><ul>${links}</ul>`);
    }
  };
}
