// Reads resources, one JSON line each, and writes what is wrong with each, one JSON line each, in the same order.
//
//   {"release":"2.2","resource":{…},"own":{…}}   own: the client's order the resource was made from, where there is one
//   {"faults":["…"],"passedOn":["…"]}            passedOn: what was wrong with it already when the client sent it
//
// Not here: what is right and wrong (validator.mjs).

import { createInterface } from 'node:readline';

import { RELEASES, faultsOf } from './validator.mjs';

const seen = new Map();
/** Many answers hold the same resource, and most are made from the same orders. */
function judged(resource, release) {
  const key = `${release} ${JSON.stringify(resource)}`;
  if (!seen.has(key)) seen.set(key, faultsOf(resource, RELEASES[release]));
  return seen.get(key);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { release, resource, own } = JSON.parse(line);
  const before = new Set(own ? judged(own, release) : []);
  const faults = judged(resource, release);
  const answer = { faults: faults.filter((fault) => !before.has(fault)), passedOn: faults.filter((fault) => before.has(fault)) };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
