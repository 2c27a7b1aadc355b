// The charts of fixtures/stories as an EHR would hold them today.
//
// Every date is moved by the days that lie between the stories' day and today, because the app judges by today. The stories
// share ids; all but those of people and organizations get the story's name before them, and the patient's name is the story's.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const STORIES = 'fixtures/stories';
const DAY_OF_STORIES = '2026-11-22';
const SHARED = new Set(['Patient', 'Practitioner', 'Organization', 'Encounter']);
const MILLISECONDS_OF_DAY = 86_400_000;

/** Today as yyyy-mm-dd, moved by some days. */
export function day(moved = 0) {
  return new Date(Date.now() + moved * MILLISECONDS_OF_DAY).toISOString().slice(0, 10);
}

/** A story's request and chart. */
export function chart(story) {
  const text = readFileSync(join(STORIES, story, 'request.json'), 'utf8');
  const request = rename(story, JSON.parse(moveDates(text)));
  const orders = request.context.draftOrders.entry.map((entry) => entry.resource);
  const kept = Object.values(request.prefetch).flatMap((value) => (value?.resourceType === 'Bundle' ? (value.entry ?? []).map((entry) => entry.resource) : [value]));
  const resources = unique([...kept, ...orders].filter(Boolean));
  const patient = resources.find((resource) => resource.resourceType === 'Patient');
  patient.name = [{ use: 'official', family: 'Synthetic', given: [story] }];
  return { story, request, resources, patient: patient.id, encounter: request.context.encounterId, order: `${orders[0].resourceType}/${orders[0].id}` };
}

/** The same chart as another patient's, with so many of its first order. */
export function withOrders(name, { story, request, resources, patient, encounter, order }, count) {
  const text = (value) => JSON.stringify(value).replaceAll(patient, `${name}-patient`).replaceAll(`${story}-`, `${name}-`).replaceAll(`"${story}"`, `"${name}"`);
  const copies = JSON.parse(text(resources));
  const orders = copies.filter(({ resourceType }) => resourceType === 'ServiceRequest').slice(0, 1);
  const others = copies.filter(({ resourceType }) => resourceType !== 'ServiceRequest');
  const repeated = orders.flatMap((one) => Array.from({ length: count }, (_, place) => ({ ...one, id: `${one.id}-${place}`, occurrenceDateTime: day(7 + place) })));
  const rest = { story: name, request: JSON.parse(text(request)), encounter, order: `${order.replace(story, name)}-0` };
  return { ...rest, resources: [...others, ...repeated], patient: `${name}-patient` };
}

function moveDates(text) {
  const days = Math.round((Date.parse(day()) - Date.parse(DAY_OF_STORIES)) / MILLISECONDS_OF_DAY);
  const moved = (date) => new Date(Date.parse(date) + days * MILLISECONDS_OF_DAY).toISOString().slice(0, 10);
  return text.replace(/\b\d{4}-\d{2}-\d{2}(?=["T])/g, (date) => (Number.isNaN(Date.parse(date)) ? date : moved(date)));
}

/** The same with ids that no other story has. */
function rename(story, value) {
  const renamed = (type, id) => (SHARED.has(type) ? id : `${story}-${id}`);
  const walk = (node, key) => {
    if (Array.isArray(node)) return node.map((part) => walk(part, key));
    if (typeof node === 'string' && (key === 'reference' || key === 'fullUrl')) {
      return node.replace(/([A-Za-z]+)\/([A-Za-z0-9.-]+)$/, (_, type, id) => `${type}/${renamed(type, id)}`);
    }
    if (node === null || typeof node !== 'object') return node;
    const copy = Object.fromEntries(Object.entries(node).map(([name, part]) => [name, walk(part, name)]));
    if (copy.resourceType && copy.id) copy.id = renamed(copy.resourceType, copy.id);
    return copy;
  };
  return walk(value, '');
}

function unique(resources) {
  return [...new Map(resources.map((resource) => [`${resource.resourceType}/${resource.id}`, resource])).values()];
}
