// Frames, several launches, and sessions that end, are sent twice or cannot save.

import { ANSWERS, CHECK, SAVE, fill, launch, open, previewed, read, save, says, words } from '../page.mjs';

const STORY = 'nothing-documented';
const OTHER = 'relief-by-pain-scores-alone';

/** A page with the story open and nothing saved of it. */
async function opened(world, options = {}, contextOptions = {}) {
  const { patient } = await world.ehr.chart(STORY);
  await world.ehr.remove('QuestionnaireResponse', patient);
  const context = await world.browsers.context(contextOptions);
  const page = await context.newPage();
  const shown = await open(world, page, { story: STORY, ...options });
  return { page, context, shown, saved: () => world.ehr.resources('QuestionnaireResponse', patient) };
}

export async function inAFrameWithoutThirdPartyCookies(world, check) {
  const { app, ehr, browsers } = world;
  const { patient } = await ehr.chart(STORY);
  await ehr.remove('QuestionnaireResponse', patient);
  const page = await (await browsers.thirdPartyCookies(true)).newPage();
  const address = await ehr.launchAddress(app, { story: STORY });
  await page.goto(`${ehr.portal}/chart?${new URLSearchParams({ app: address })}`);
  const frame = await (await page.waitForSelector('iframe')).contentFrame();
  await frame.waitForSelector('#decision-heading, main.notice h1');
  check((await read(frame)).determination === 'needs-documentation', `opened: ${(await read(frame)).text.slice(0, 120)}`);
  check.all(await browsers.faults(page, 'framed', frame));
  await fill(frame, ANSWERS);
  await previewed(frame, 'supported');
  const shown = await save(frame);
  check(shown.text.includes(words('saved-heading')), `saved: ${shown.notice ?? shown.text.slice(0, 120)}`);
  check((await ehr.resources('QuestionnaireResponse', patient)).length === 1, 'nothing is saved');
  await frame.locator('.banner a[data-close]').click();
  await frame.waitForSelector('main.notice h1');
  check(says(await read(frame), 'closed'), `back to the order: ${(await read(frame)).text.slice(0, 120)}`);
  check.all(await browsers.faults(page, 'closed', frame));
}

export async function foreignPagesMayNotFrame(world, check) {
  const { app, ehr, browsers } = world;
  const page = await (await browsers.context()).newPage();
  await open(world, page, { story: STORY });
  const foreign = ehr.portal.replace('127.0.0.1', 'localhost');
  await page.goto(`${foreign}/chart?${new URLSearchParams({ app: page.url() })}`);
  const frame = await (await page.waitForSelector('iframe')).contentFrame();
  await page.waitForTimeout(500);
  check(!(await frame.locator('#decision-heading, main').count()), 'a foreign page shows the app in a frame');
  check(page.context().seen.faults.some((fault) => fault.includes('frame-ancestors')), 'frame-ancestors is not why');
}

export async function twoLaunchesAtOnce(world, check) {
  const { ehr, browsers } = world;
  const context = await browsers.context();
  const [first, second] = await Promise.all([context.newPage(), context.newPage()]);
  const charts = await Promise.all([STORY, OTHER].map((story) => ehr.chart(story)));
  for (const { patient } of charts) await ehr.remove('QuestionnaireResponse', patient);
  const both = await Promise.all([launch(world, first, { story: STORY }), launch(world, second, { story: OTHER })]);
  both.forEach((shown, place) => check(shown.determination, `launch ${place + 1} of two: ${shown.text.slice(0, 160)}`));
  if (!both.every(({ determination }) => determination)) return;
  await first.bringToFront();
  await fill(first, ANSWERS);
  await second.bringToFront();
  await fill(second, { 'adjunct-noninvasive-treatment': 'true' });
  await first.bringToFront();
  await previewed(first, 'supported');
  const saved = await save(first);
  check(saved.text.includes(words('saved-heading')), `saved: ${saved.notice ?? saved.text.slice(0, 120)}`);
  await second.reload();
  for (const [page, own, others] of [[first, charts[0], charts[1]], [second, charts[1], charts[0]]]) {
    const { html, order } = await read(page);
    check(order === own.order, `the page of ${own.story} is about ${order}`);
    check(![others.story, others.patient, others.order].some((text) => html.includes(text)), `the page of ${own.story} shows something of ${others.story}`);
  }
  const [mine, theirs] = [await read(first), await read(second)];
  const crossed = await context.request.post(theirs.action, { form: { csrf: mine.csrf, order: mine.order, action: 'save', ...ANSWERS }, headers: own(world), maxRedirects: 0 });
  check(crossed.status() >= 400, `a form of one session is taken by the other: ${crossed.status()}`);
  check((await ehr.resources('QuestionnaireResponse', charts[1].patient)).length === 0, 'something is saved for the other patient');
}

const own = ({ app }) => ({ origin: app.base, 'sec-fetch-site': 'same-origin' });

export async function refusedAuthorization(world, check) {
  const { app, ehr, browsers } = world;
  const page = await (await browsers.context()).newPage();
  await page.goto(await ehr.launchAddress(app, { story: STORY, consent: true }));
  await page.getByRole('link', { name: 'Refuse' }).click();
  await page.waitForSelector('main.notice h1');
  check(says(await read(page), 'refused'), `refused: ${(await read(page)).text.slice(0, 120)}`);
  check.all(await browsers.faults(page, 'refused'));
}

export async function expiredSession(world, check) {
  const { brief, browsers } = world;
  const { ehr } = world;
  const { patient } = await ehr.chart(STORY);
  await ehr.remove('QuestionnaireResponse', patient);
  const page = await (await browsers.context()).newPage();
  const shown = await open(world, page, { story: STORY }, brief);
  check(shown.determination === 'needs-documentation', `opened: ${shown.notice ?? shown.text.slice(0, 120)}`);
  await page.waitForTimeout(brief.lifetime + 500);
  await fill(page, { 'sij-tenderness': 'true' });
  await page.waitForFunction((heading) => document.getElementById('preview').textContent.includes(heading), words('expired-heading'));
  await page.locator(SAVE).click();
  await page.waitForSelector('main.notice h1');
  check(says(await read(page), 'expired'), `saving says: ${(await read(page)).text.slice(0, 120)}`);
  check((await ehr.resources('QuestionnaireResponse', patient)).length === 0, 'something is saved after the session');
  page.context().seen.faults.length = 0; // The preview's answer, which says that the session has ended.
  check.all(await browsers.faults(page, 'expired'));
}

const STAY = 'button[value="extend"]';

export async function stayLonger(world, check) {
  const { brief, browsers } = world;
  const page = await (await browsers.context()).newPage();
  await open(world, page, { story: STORY }, brief);
  const start = Date.now();
  check((await page.locator('#session-time').innerText()).includes(words('ends-soon')), 'a session that ends within minutes does not warn');
  await fill(page, { 'exercise-therapy-weeks': '9' });
  const before = await page.locator('#session-time time').getAttribute('datetime');
  await page.waitForTimeout(Math.max(0, brief.lifetime / 2 - (Date.now() - start)));
  await page.locator(STAY).click();
  await page.waitForFunction((end) => document.querySelector('#session-time time').dateTime > end, before);
  check((await page.locator('[data-field="exercise-therapy-weeks"] input').inputValue()) === '9', 'an answer is lost by staying longer');
  check(Date.now() - start < brief.lifetime, 'the test was too slow to show anything');
  await page.waitForTimeout(Math.max(0, brief.lifetime + 1_000 - (Date.now() - start)));
  check((await page.request.get(page.url(), { headers: own(world) })).ok(), 'the session ended although its user stayed longer');
  await page.waitForFunction((ended) => document.querySelector('#session-time .warning').textContent === ended, words('ended'));
  check(!(await page.locator(STAY).count()), 'more time is offered after the end');
  check((await page.request.get(page.url(), { headers: own(world) })).status() === 410, 'the session goes on beyond its limit');
  check.all(await browsers.faults(page, 'ended'));
}

export async function stayLongerWithoutJavaScript(world, check) {
  const { page, saved } = await opened(world, {}, { javaScriptEnabled: false });
  check(/\d\d:\d\d UTC/.test(await page.locator('#session-time').innerText()), 'the end of the session is not said');
  await fill(page, { 'exercise-therapy-weeks': '9' });
  await page.waitForTimeout(1_100);
  const before = await page.locator('#session-time time').getAttribute('datetime');
  await page.locator(STAY).click();
  await page.waitForSelector('#decision-heading');
  check((await page.locator('#session-time time').getAttribute('datetime')) > before, 'the session is not extended');
  check((await page.locator('[data-field="exercise-therapy-weeks"] input').inputValue()) === '9', 'an answer is lost by staying longer');
  check((await saved()).length === 0, 'something is saved by staying longer');
}

export async function afterSavingTheFormIsClosed(world, check) {
  const { page, saved } = await opened(world);
  await fill(page, ANSWERS);
  await previewed(page, 'supported');
  await save(page);
  const main = () => page.locator('.main:visible').allInnerTexts();
  check((await main()).join() === words('back'), `what stands out after saving: ${(await main()).join()}`);
  check(!(await page.locator('[data-field]:visible').count()), 'the form is open after saving');
  await page.locator(STAY).click();
  await page.waitForTimeout(500);
  check(!(await page.locator('[data-field]:visible').count()), 'the form is open after staying longer');
  await fill(page, { 'exercise-therapy-weeks': '2' });
  await previewed(page, 'not-yet');
  check((await main()).join() === words('save'), `what stands out once an answer is changed: ${(await main()).join()}`);
  check.all(await world.browsers.faults(page, 'changed-after-saving'));
  await save(page);
  check((await main()).join() === words('back'), 'the changed answer is not saved');
  check((await saved()).length === 1, `${(await saved()).length} responses after changing an answer`);
}

export async function doubleSubmit(world, check) {
  const { page, saved } = await opened(world);
  await fill(page, ANSWERS);
  await previewed(page, 'supported');
  await page.evaluate((selector) => {
    const button = document.querySelector(selector);
    button.click();
    button.click();
  }, SAVE);
  await page.waitForSelector('#standing-heading');
  check((await saved()).length === 1, `${(await saved()).length} responses after two clicks`);
}

export async function doubleSubmitWithoutJavaScript(world, check) {
  const { context, shown, saved } = await opened(world);
  const form = { csrf: shown.csrf, order: shown.order, action: 'save', ...ANSWERS };
  const send = () => context.request.post(shown.action, { form, headers: own(world) });
  const answers = await Promise.all([send(), send()]);
  answers.push(await send());
  check(answers.every((answer) => answer.status() < 500), `answered ${answers.map((answer) => answer.status())}`);
  check(answers.some((answer) => answer.ok()), `answered ${answers.map((answer) => answer.status())}`);
  check((await saved()).length === 1, `${(await saved()).length} responses after three submissions`);
}

export async function backButton(world, check) {
  const { page, saved } = await opened(world);
  await fill(page, ANSWERS);
  await previewed(page, 'supported');
  await save(page);
  await page.goBack();
  await page.waitForSelector('#decision-heading, main.notice h1');
  const shown = await read(page);
  check(shown.determination, `after going back: ${shown.text.slice(0, 120)}`);
  await fill(page, { ...ANSWERS, 'exercise-therapy-weeks': '9' });
  const again = await save(page);
  check(again.text.includes(words('saved-heading')), `saved again: ${again.notice ?? again.text.slice(0, 120)}`);
  const responses = await saved();
  check(responses.length === 1, `${responses.length} responses after saving, going back and saving again`);
  check(JSON.stringify(responses).includes('"valueInteger":9'), 'the later answer is not what is saved');
}

export async function reload(world, check) {
  const { page } = await opened(world);
  await page.reload();
  check((await read(page)).determination === 'needs-documentation', `after a reload: ${(await read(page)).text.slice(0, 120)}`);
  await fill(page, ANSWERS);
  await previewed(page, 'supported');
  await save(page);
  await page.reload();
  check((await read(page)).determination === 'supported', `after saving and a reload: ${(await read(page)).text.slice(0, 120)}`);
}

export async function withoutJavaScript(world, check) {
  const { page, saved } = await opened(world, {}, { javaScriptEnabled: false });
  check(await page.locator('#decision.d-needs-documentation').count(), 'the decision is not on the page');
  check(await page.locator('#timeline svg, #criteria li').count(), 'the criteria are not on the page');
  const idle = page.locator('[data-print]:visible, [data-copy]:visible');
  check(!(await idle.count()), `a button that does nothing is shown: ${(await idle.allInnerTexts()).join(', ')}`);
  await fill(page, ANSWERS);
  await page.locator(CHECK).click();
  await page.waitForSelector('#preview .d-supported');
  check((await saved()).length === 0, 'something is saved before saving');
  await world.browsers.screenshot(page, 'without-javascript');
  await page.locator(SAVE).click();
  await page.waitForSelector('#standing-heading');
  check((await saved()).length === 1, 'nothing is saved');
  check(await page.locator('#decision.d-supported').count(), 'the decision has not changed');
}

export async function withoutWriteScope(world, check) {
  const { page, shown, saved } = await opened(world, { readOnly: true });
  check(shown.text.includes(words('read-only-heading')), `opened: ${shown.text.slice(0, 160)}`);
  check(!(await page.locator(SAVE).count()), 'saving is offered');
  check.all(await world.browsers.faults(page, 'read-only'));
  await fill(page, ANSWERS);
  await previewed(page, 'supported');
  await page.waitForSelector('#note');
  check((await page.locator('#note').inputValue()).length > 100, 'there is no text to copy');
  const resource = JSON.parse(await page.locator('#response').inputValue());
  check(resource.resourceType === 'QuestionnaireResponse' && resource.status === 'completed', 'there is no finished resource to copy');
  check.all(await world.browsers.faults(page, 'read-only-answered'));
  check((await saved()).length === 0, 'something is saved');
}

export async function whatTheEhrDoesNotTake(world, check) {
  const { page, saved } = await opened(world, { writes: 500 });
  await fill(page, ANSWERS);
  await previewed(page, 'supported');
  const shown = await save(page);
  check(shown.text.includes(words('not-saved-heading')), `saved: ${shown.notice ?? shown.text.slice(0, 120)}`);
  check(await page.locator('#note').count(), 'there is no text to copy');
  check((await page.locator('[data-field="exercise-therapy-weeks"] input').inputValue()) === '8', 'an answer is lost');
  check.all(await world.browsers.faults(page, 'not-saved'));
  check((await saved()).length === 0, 'something is saved');
}

export async function addressInAnotherBrowser(world, check) {
  const { page, saved } = await opened(world);
  const other = await (await world.browsers.context()).newPage();
  await other.goto(page.url());
  const shown = await read(other);
  check(!shown.determination && shown.notice, `another browser sees: ${shown.text.slice(0, 120)}`);
  check(!shown.html.includes(STORY), 'another browser sees something of the patient');
  check.all(await world.browsers.faults(other, 'another-browser'));
  check((await saved()).length === 0, 'something is saved');
}
