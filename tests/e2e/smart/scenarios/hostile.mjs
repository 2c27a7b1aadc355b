// Launches that are forged, replayed or answered by an EHR gone wrong: each ends with a page that a person understands.

import { ANSWERS, SAVE, fill, launch, open, read, says } from '../page.mjs';

const STORY = 'nothing-documented';
const OTHER = 'relief-by-pain-scores-alone';

/** Holds that a launch ended with a notice of these words and nothing of a patient. */
async function refused(world, page, name, keys, check) {
  await page.waitForSelector('#decision-heading, main.notice h1');
  const shown = await read(page);
  check(says(shown, ...keys), `${name}: ${shown.text.slice(0, 160)}`);
  check(!shown.html.includes('-sij'), `${name}: something of a patient is shown`);
  check.all(await world.browsers.faults(page, name));
}

/** Goes through a launch in a browser up to the address that the EHR sends it back to, which is not opened. */
async function callbackOf(context, address, change = (url) => url) {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  const callback = new Promise((done) => {
    session.on('Fetch.requestPaused', ({ requestId, request }) => {
      const url = new URL(request.url);
      if (url.pathname.startsWith('/smart/callback/')) {
        done(url.href);
        return session.send('Fetch.failRequest', { requestId, errorReason: 'Aborted' });
      }
      return session.send('Fetch.continueRequest', { requestId, url: change(url).href });
    });
  });
  await session.send('Fetch.enable', { patterns: [{ urlPattern: '*/smart/callback/*' }, { urlPattern: '*/auth?*' }] });
  await page.goto(address).catch(() => {});
  const late = page.waitForTimeout(10_000).then(() => Promise.reject(new Error(`the launch does not come back, but ends at ${page.url()}`)), () => {});
  const found = await Promise.race([callback, late]);
  await page.close();
  return found;
}

export async function foreignIss(world, check) {
  const page = await (await world.browsers.context()).newPage();
  await page.goto(`${world.app.base}/smart/launch?${new URLSearchParams({ iss: 'https://ehr.example.com/fhir', launch: 'x' })}`);
  await refused(world, page, 'foreign-iss', ['launch-unknown-ehr'], check);
}

export async function privateIss(world, check) {
  const { app, ehr, browsers } = world;
  const page = await (await browsers.context()).newPage();
  for (const iss of [`${ehr.trap}/fhir`, 'http://169.254.169.254/latest/meta-data', `${ehr.iss()}/../../key/fhir/x`, `${ehr.iss()}?x=1`, 'file:///etc/passwd', '']) {
    await page.goto(`${app.base}/smart/launch?${new URLSearchParams({ iss, launch: 'x' })}`);
    const shown = await read(page);
    check(says(shown, 'launch-unknown-ehr', 'launch-incomplete'), `${iss}: ${shown.text.slice(0, 120)}`);
  }
  await refused(world, page, 'private-iss', ['launch-unknown-ehr', 'launch-incomplete'], check);
  check((await ehr.trapped()).length === 0, `the service asked ${await ehr.trapped()}`);
}

export async function replayedState(world, check) {
  const context = await world.browsers.context();
  const page = await context.newPage();
  await open(world, page, { story: STORY });
  const callback = context.seen.urls.find((url) => url.includes('/smart/callback/'));
  await page.goto(callback);
  await refused(world, page, 'replayed-state', ['launch-stale', 'launch-foreign'], check);
}

export async function launchOfAnotherBrowser(world, check) {
  const { app, ehr, browsers } = world;
  const theirs = await browsers.context();
  const callback = await callbackOf(theirs, await ehr.launchAddress(app, { story: STORY }));
  const page = await (await browsers.context()).newPage();
  await page.goto(callback);
  await refused(world, page, 'launch-of-another-browser', ['launch-stale', 'launch-foreign'], check);
}

export async function injectedCode(world, check) {
  const { app, ehr, browsers } = world;
  const [theirs, ours] = [await browsers.context(), await browsers.context()];
  const stolen = new URL(await callbackOf(theirs, await ehr.launchAddress(app, { story: OTHER }))).searchParams.get('code');
  const callback = new URL(await callbackOf(ours, await ehr.launchAddress(app, { story: STORY })));
  callback.searchParams.set('code', stolen);
  const page = await ours.newPage();
  await page.goto(callback.href);
  await refused(world, page, 'injected-code', ['launch-stale', 'launch-foreign'], check);
}

export async function forgedState(world, check) {
  const { app, ehr, browsers } = world;
  const context = await browsers.context();
  const callback = new URL(await callbackOf(context, await ehr.launchAddress(app, { story: STORY })));
  const page = await context.newPage();
  for (const state of ['x'.repeat(43), '', '<script>alert(1)</script>', 'x'.repeat(9000)]) {
    callback.searchParams.set('state', state);
    await page.goto(callback.href);
    const shown = await read(page);
    check(says(shown, 'launch-stale', 'launch-foreign', 'launch-incomplete'), `${state.slice(0, 30)}: ${shown.text.slice(0, 120)}`);
  }
  await refused(world, page, 'forged-state', ['launch-stale', 'launch-foreign', 'launch-incomplete'], check);
}

export async function changedRedirect(world, check) {
  const { app, brief, ehr, browsers } = world;
  const context = await browsers.context();
  const changed = (url) => {
    if (url.pathname === '/auth' && url.searchParams.has('redirect_uri')) url.searchParams.set('redirect_uri', url.searchParams.get('redirect_uri').replace(app.base, brief.base));
    return url;
  };
  const callback = await callbackOf(context, await ehr.launchAddress(app, { story: STORY }), changed);
  const page = await context.newPage();
  await page.goto(callback);
  await refused(world, page, 'changed-redirect-there', ['launch-stale', 'launch-foreign'], check);
  await page.goto(callback.replace(brief.base, app.base));
  await refused(world, page, 'changed-redirect-here', ['launch-stale', 'launch-foreign'], check);
}

export async function identityByAnotherKey(world, check) {
  const page = await (await world.browsers.context()).newPage();
  await launch(world, page, { story: STORY, identityKey: 'other' });
  await refused(world, page, 'identity-by-another-key', ['launch-unproven'], check);
}

export async function noPatient(world, check) {
  const page = await (await world.browsers.context()).newPage();
  await launch(world, page, { story: STORY, patientAtToken: '' });
  await refused(world, page, 'no-patient', ['launch-no-patient'], check);
}

export async function patientSwappedAtRefresh(world, check) {
  const { ehr, browsers } = world;
  const { patient } = await ehr.chart(OTHER);
  const page = await (await browsers.context()).newPage();
  // A token that is over at once, and one that is soon over while the page is open.
  for (const [name, lifetime] of [['at-opening', 1], ['at-saving', 22]]) {
    const shown = await launch(world, page, { story: STORY, lifetime, patientAtRefresh: patient, lax: true });
    if (shown.determination) {
      await page.waitForTimeout(3000);
      await fill(page, ANSWERS);
      await page.locator(SAVE).click();
    }
    await refused(world, page, `patient-swapped-${name}`, ['launch-other-patient'], check);
  }
  check((await ehr.resources('QuestionnaireResponse', patient)).length === 0, 'something is saved for the other patient');
}

export async function forgedAppContext(world, check) {
  const { app, ehr, browsers } = world;
  const theirs = await ehr.chart(OTHER);
  const card = (await ehr.hookCall(app, OTHER)).cards[0];
  const link = card?.links?.find(({ type }) => type === 'smart');
  const contexts = [JSON.stringify({ order: theirs.order }), ...(link ? [link.appContext] : [])];
  for (const [place, appContext] of contexts.entries()) {
    for (const lax of [false, true]) {
      const page = await (await browsers.context()).newPage();
      const shown = await launch(world, page, { story: STORY, appContext, lax, fhirContext: [{ reference: theirs.order }] });
      const name = `forged-app-context-${place}${lax ? '-lax' : ''}`;
      check(![theirs.story, theirs.patient, theirs.order].some((text) => shown.html.includes(text)), `${name}: something of the other patient is shown`);
      check(shown.determination || says(shown, 'no-order', 'launch-foreign', 'launch-other-patient'), `${name}: ${shown.text.slice(0, 120)}`);
      check.all(await browsers.faults(page, name));
    }
  }
}

export async function forgedForm(world, check) {
  const { ehr, browsers } = world;
  const { patient } = await ehr.chart(STORY);
  await ehr.remove('QuestionnaireResponse', patient);
  const context = await browsers.context();
  const page = await context.newPage();
  const { action, order } = await open(world, page, { story: STORY });
  await page.goto(`${ehr.portal}/chart?app=about:blank`);
  await page.evaluate(([target, fields]) => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action: target });
    for (const [name, value] of Object.entries(fields)) form.append(Object.assign(document.createElement('input'), { name, value }));
    document.body.append(form);
    form.submit();
  }, [action, { csrf: 'x', order, action: 'save', ...ANSWERS }]);
  await page.waitForSelector('main.notice h1');
  const shown = await read(page);
  check(says(shown, 'expired', 'failed'), `a form from elsewhere: ${shown.text.slice(0, 120)}`);
  check((await ehr.resources('QuestionnaireResponse', patient)).length === 0, 'it is saved');
  check.all(await browsers.faults(page, 'forged-form'));
}

export async function markupInTheChart(world, check) {
  const context = await world.browsers.context();
  const page = await context.newPage();
  await open(world, page, { story: STORY, appContext: '{"order":"<img src=x onerror=alert(1)>"}' });
  await fill(page, { 'exercise-therapy-weeks': '"><img src=x onerror=alert(1)>' });
  await page.locator(SAVE).click();
  await page.waitForSelector('#faults .banner');
  check(!(await page.locator('img').count()), 'markup that was typed is on the page');
  check.all(await world.browsers.faults(page, 'markup'));
}
