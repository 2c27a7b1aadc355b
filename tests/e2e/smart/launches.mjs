// What the EHR knows of its launches: the patient that is open, what it grants, and where it misbehaves on purpose.

import { randomUUID } from 'node:crypto';

const launches = new Map();
const byGrant = new Map();
const byToken = new Map();
/** Every token given out: none of them may be seen in a browser. */
export const secrets = new Set();

/**
 * Begins a launch. Beside `patient`, `encounter`, `appContext`, `fhirContext`:
 *   consent         the user is asked, and may refuse
 *   readOnly        nothing may be written
 *   lifetime        of the access token, in seconds
 *   identityKey     'other': the id_token is signed by a key that is not published
 *   patientAtRefresh, patientAtToken   another patient than the one that is open
 *   lax             the FHIR server gives out what belongs to other patients
 *   writes          the status that every write is answered with
 *   slow            milliseconds that the FHIR server takes for each answer
 */
export function begin(options) {
  const launch = { id: randomUUID(), ...options };
  launches.set(launch.id, launch);
  return launch;
}

export const launchOf = (id) => launches.get(id);

export function grantTo(grantId, launch) {
  byGrant.set(grantId, launch);
}

export const launchOfGrant = (grantId) => byGrant.get(grantId);

/** An access token that was given out, with the scopes that go with it. */
export function issue(token, launch, scopes) {
  secrets.add(token);
  byToken.set(token, { launch, scopes });
}

export const grantOfToken = (token) => byToken.get(token);
