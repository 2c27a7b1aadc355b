// From the card to the answer that has changed, by every way in.

import { ANSWERS, fill, launch, open, previewed, read, save, says, words } from '../page.mjs';

const STORY = 'nothing-documented';

export async function launchAnswerSaveAndSupported(world, check) {
  const { app, ehr, browsers } = world;
  const { patient, order } = await ehr.chart(STORY);
  await ehr.remove('QuestionnaireResponse', patient);
  const before = await ehr.hookCall(app, STORY);
  check(/documentation missing/.test(before.cards[0]?.summary), `the first card says: ${before.cards[0]?.summary}`);
  const link = before.cards[0]?.links?.find(({ type }) => type === 'smart');
  check(link?.url === `${app.base}/smart/launch`, `the card's link to the app is ${JSON.stringify(link)}`);

  const page = await (await browsers.context()).newPage();
  let shown = await open(world, page, { story: STORY, appContext: link?.appContext });
  check(shown.determination === 'needs-documentation', `opened: ${shown.determination ?? shown.notice}`);
  check(shown.order === order, `the order on the page is ${shown.order}`);
  check(Object.keys(ANSWERS).every((question) => shown.asked.includes(question)), `asked is ${shown.asked}`);
  check.all(await browsers.faults(page, 'opened'));

  await fill(page, ANSWERS);
  shown = await previewed(page, 'supported');
  check(shown.text.includes(words('previewed')), 'the preview does not say that it is not saved');
  check((await ehr.resources('QuestionnaireResponse', patient)).length === 0, 'something is saved before saving');
  check.all(await browsers.faults(page, 'previewed'));

  shown = await save(page);
  check(shown.text.includes(words('saved-heading')) && shown.determination === 'supported', `saved: ${shown.determination ?? shown.notice}`);
  check.all(await browsers.faults(page, 'saved'));
  responsesFaults(await ehr.resources('QuestionnaireResponse', patient), { patient, order }, check);

  const after = await ehr.hookCall(app, STORY);
  check(/criteria met/.test(after.cards[0]?.summary), `the card after saving says: ${after.cards[0]?.summary}`);
}

function responsesFaults(responses, { patient, order }, check) {
  check(responses.length === 1, `${responses.length} responses are saved`);
  const [response] = responses;
  if (!response) return;
  check(response.status === 'completed', `its status is ${response.status}`);
  check(response.subject?.reference === `Patient/${patient}`, `its subject is ${response.subject?.reference}`);
  check(response.author?.reference === 'Practitioner/practitioner-1', `its author is ${response.author?.reference}`);
  check(/Questionnaire\/sij-injection-documentation\|/.test(response.questionnaire), `its questionnaire is ${response.questionnaire}`);
  check(JSON.stringify(response).includes(order), 'it does not name the order');
  const links = JSON.stringify(response.item).match(/"linkId":"[^"]+"/g) ?? [];
  check(Object.keys(ANSWERS).every((link) => links.includes(`"linkId":"${link}"`)), 'an answer is not in it');
}

export async function asksForNothingThatIsNotGranted(world, check) {
  const since = Date.now();
  const page = await (await world.browsers.context()).newPage();
  const shown = await open(world, page, { story: 'first-injection-fully-documented' });
  const refused = (await world.ehr.log(since)).filter(({ server, status }) => server === 'fhir' && status >= 400);
  check(!refused.length, `refused: ${refused.map(({ path, status }) => `${path} ${status}`).join(', ')}`);
  check(shown.text.includes('first-injection-fully-documented'), 'the page does not say whose chart it is');
}

export async function everyRegistration(world, check) {
  for (const registration of ['key', 'secret', 'public', 'old']) {
    const page = await (await world.browsers.context()).newPage();
    const shown = await launch(world, page, { story: 'relief-by-pain-scores-alone', registration });
    check(shown.determination === 'needs-documentation', `${registration}: ${shown.determination ?? shown.text}`);
    check(await page.locator('button[value="save"]').count(), `${registration}: the app cannot save`);
  }
}

export async function standaloneLaunch(world, check) {
  const { app, ehr, browsers } = world;
  const { patient } = await ehr.chart('second-diagnostic-day-10');
  const page = await (await browsers.context()).newPage();
  await page.goto(`${app.base}/smart/launch?${new URLSearchParams({ iss: ehr.iss() })}`);
  await page.getByRole('link', { name: patient }).click();
  await page.waitForSelector('#decision-heading, main.notice h1');
  const shown = await read(page);
  check(shown.determination === 'not-yet', `opened: ${shown.determination ?? shown.text}`);
  check.all(await browsers.faults(page, 'second-injection'));
}

export async function otherFormsOfContext(world, check) {
  const { order } = await world.ehr.chart('two-orders');
  const second = order.replace(/-0$/, '-1');
  for (const [name, context] of [
    ['fhirContext', { fhirContext: [{ reference: second }] }],
    ['appContext as query text', { appContext: `order=${encodeURIComponent(second)}&questionnaire=x` }],
    ['appContext as JSON', { appContext: JSON.stringify({ order: second }) }],
  ]) {
    const page = await (await world.browsers.context()).newPage();
    const shown = await launch(world, page, { story: 'two-orders', ...context });
    check(shown.order === second, `${name}: the order is ${shown.order ?? shown.notice ?? shown.text.slice(0, 80)}`);
  }
}

export async function choiceOfOrder(world, check) {
  const { browsers, ehr } = world;
  const { order } = await ehr.chart('two-orders');
  const page = await (await browsers.context()).newPage();
  const shown = await launch(world, page, { story: 'two-orders' });
  check(shown.notice === 'Which order?', `opened: ${shown.text.slice(0, 80)}`);
  check.all(await browsers.faults(page, 'choice'));
  await page.locator(`button[name="order"][value="${order}"]`).click();
  await page.waitForSelector('#decision-heading');
  check((await read(page)).order === order, 'another order is shown than the one chosen');
}

export async function noOrder(world, check) {
  const page = await (await world.browsers.context()).newPage();
  const shown = await launch(world, page, { story: 'no-order' });
  check(says(shown, 'no-order'), `opened: ${shown.text.slice(0, 120)}`);
  check.all(await world.browsers.faults(page, 'no-order'));
}

export async function tokenIsRefreshed(world, check) {
  const { ehr, browsers } = world;
  const { patient } = await ehr.chart(STORY);
  await ehr.remove('QuestionnaireResponse', patient);
  const since = Date.now();
  const page = await (await browsers.context()).newPage();
  await open(world, page, { story: STORY, lifetime: 1 });
  await page.waitForTimeout(1500);
  await fill(page, ANSWERS);
  await previewed(page, 'supported');
  const shown = await save(page);
  check(shown.text.includes(words('saved-heading')), `saved: ${shown.notice ?? shown.text.slice(0, 120)}`);
  check((await ehr.log(since)).filter(({ path }) => path === '/token').length > 1, 'no new token was asked for');
}
