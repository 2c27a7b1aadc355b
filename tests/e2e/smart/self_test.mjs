// The test tried on itself before anything else: the EHR with a client of a few lines in the app's place, and pages with a fault
// each, which must be found.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Browsers, axe, tabTo } from './browser.mjs';
import { Ehr } from './control.mjs';
import { Processes, startEhr } from './processes.mjs';
import { stub } from './stub.mjs';

const STORY = 'nothing-documented';

export async function selfTest(run, output) {
  const work = mkdtempSync(join(tmpdir(), 'sij-cds-smart-self-'));
  const processes = new Processes();
  const client = await stub();
  let browsers;
  try {
    const ehr = new Ehr(await startEhr(processes, work, [client.base]));
    browsers = new Browsers({ output: join(output, 'self-test'), secrets: ehr.secrets });
    const world = { client, app: client, ehr, browsers };
    await run([theEhrLaunchesEveryKindOfClient, theEhrDemandsACodeChallenge, theEhrMisbehavesAsTold, theFhirServerHoldsToTheToken, cookiesOfThirdPartiesAreBlocked, faultsOfAPageAreFound], world);
  } finally {
    await browsers?.close();
    await processes.endAll();
    await client.close();
    rmSync(work, { recursive: true, force: true });
  }
}

async function launch({ browsers, ehr, client }, options, act = async () => {}) {
  const page = await (await browsers.context()).newPage();
  await page.goto(await ehr.launchAddress(client, { story: STORY, ...options }));
  await act(page);
  return page;
}

async function theEhrLaunchesEveryKindOfClient(world, check) {
  const { patient } = await world.ehr.chart(STORY);
  for (const registration of ['key', 'secret', 'public', 'old']) {
    const page = await launch(world, { registration });
    const got = await page.locator('body').innerText();
    check(got.trim() === `${patient} Practitioner/practitioner-1`, `${registration}: ${got}`);
  }
}

async function theEhrDemandsACodeChallenge(world, check) {
  const page = await (await world.browsers.context()).newPage();
  await page.goto(`${await world.ehr.launchAddress(world.client, { story: STORY })}&without-pkce`);
  check((await page.locator('body').innerText()).includes('invalid_request'), await page.locator('body').innerText());
}

async function theEhrMisbehavesAsTold(world, check) {
  const { client, ehr } = world;
  const other = await ehr.chart('relief-by-pain-scores-alone');
  const refused = await launch(world, { consent: true }, (page) => page.getByRole('link', { name: 'Refuse' }).click());
  check((await refused.locator('body').innerText()).includes('access_denied'), 'a refusal does not arrive');
  const forged = await launch(world, { identityKey: 'other' });
  check((await forged.locator('body').innerText()).includes('ERR_JWS_SIGNATURE_VERIFICATION_FAILED'), 'the identity token of another key is good');
  await launch(world, { patientAtRefresh: other.patient, appContext: '{"order":"x"}', readOnly: true, lifetime: 7 });
  const last = client.seen.answers.at(-1);
  check(last.answer.appContext === '{"order":"x"}' && last.answer.expires_in === 7 && last.answer.scope.includes('QuestionnaireResponse.rs'), JSON.stringify(last.answer));
  check((await client.refresh(last)).patient === other.patient, 'the patient is not swapped');
}

async function theFhirServerHoldsToTheToken(world, check) {
  const { client, ehr } = world;
  const [mine, other] = [await ehr.chart(STORY), await ehr.chart('relief-by-pain-scores-alone')];
  await launch(world, {});
  const token = client.seen.answers.at(-1).answer.access_token;
  const ask = async (path, options = {}) => (await fetch(`${ehr.iss()}/${path}`, { headers: { authorization: `Bearer ${token}` }, ...options })).status;
  const response = { resourceType: 'QuestionnaireResponse', status: 'completed', questionnaire: 'http://example.org/Questionnaire/x' };
  const post = (patient) => ask('QuestionnaireResponse', { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify({ ...response, subject: { reference: `Patient/${patient}` } }) });
  const statuses = {
    'own patient': [await ask(`Patient/${mine.patient}`), 200], 'own conditions': [await ask(`Condition?patient=${mine.patient}`), 200],
    'another patient': [await ask(`Patient/${other.patient}`), 403], 'conditions of another': [await ask(`Condition?patient=${other.patient}`), 403],
    'no scope': [await ask(`Observation?patient=${mine.patient}`), 403], 'no token': [await ask('Patient/x', { headers: {} }), 401],
    'own response': [await post(mine.patient), 201], 'response of another': [await post(other.patient), 403],
  };
  for (const [name, [status, expected]] of Object.entries(statuses)) check(status === expected, `${name}: ${status}`);
}

async function cookiesOfThirdPartiesAreBlocked(world, check) {
  const { ehr, browsers } = world;
  const seen = async (context) => {
    const page = await context.newPage();
    const foreign = ehr.portal.replace('127.0.0.1', 'localhost');
    for (let count = 0; count < 2; count++) await page.goto(`${ehr.portal}/chart?${new URLSearchParams({ app: `${foreign}/cookie` })}`);
    return page.frameLocator('iframe').locator('#seen').innerText();
  };
  check((await seen(await browsers.thirdPartyCookies(false))) === 'yes', 'without blocking no cookie comes back, so that nothing is shown by this');
  check((await seen(await browsers.thirdPartyCookies(true))) === 'no', 'a cookie in a frame of another site comes back');
}

async function faultsOfAPageAreFound(world, check) {
  const page = await (await world.browsers.context({ viewport: { width: 400, height: 800 } })).newPage();
  await page.goto(`${world.client.base}/wide`);
  const faults = await world.browsers.faults(page, 'wide');
  check(faults.some((fault) => fault.includes('scrolls sideways at 320')), `a wide page is not found: ${faults}`);
  check((await axe(page)).some((fault) => fault.includes('image-alt')), 'an image without text is not found');
  await page.evaluate(() => window.scrollTo(0, 0));
  check((await tabTo(page, 'p[tabindex]', 2)).length === 1, 'focus without a mark is not found');
}
