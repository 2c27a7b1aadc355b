// Who can use the page, and what it costs: the keyboard alone, motion, zoom, faults in answers, weight and time.

import { tabTo } from '../browser.mjs';
import { day } from '../charts.mjs';
import { ANSWERS, CHECK, SAVE, fill, open, previewed, read, words } from '../page.mjs';

const STORY = 'nothing-documented';
const MAX_BYTES = 150_000;
const LAUNCHES = 7;

export async function keyboardAlone(world, check) {
  const { ehr, browsers } = world;
  const { patient } = await ehr.chart(STORY);
  await ehr.remove('QuestionnaireResponse', patient);
  const page = await (await browsers.context()).newPage();
  await open(world, page, { story: STORY });
  const unmarked = await tabTo(page, 'a.skip[href="#questions"]', 3);
  await page.keyboard.press('Enter');
  for (const [link, value] of Object.entries(ANSWERS)) {
    unmarked.push(...(await tabTo(page, `[data-field="${link}"] input`)));
    if (await page.evaluate(() => document.activeElement.type === 'radio')) await arrowTo(page, value);
    else await page.keyboard.type(value);
  }
  await previewed(page, 'supported');
  unmarked.push(...(await tabTo(page, SAVE)));
  await page.keyboard.press('Enter');
  await page.waitForSelector('#standing-heading');
  check((await read(page)).text.includes(words('saved-heading')), 'not saved');
  check(await page.evaluate(() => Boolean(document.activeElement.closest('.banner'))), 'after saving the focus is elsewhere');
  unmarked.push(...(await tabTo(page, '.banner a[data-close]', 5)));
  check((await ehr.resources('QuestionnaireResponse', patient)).length === 1, 'nothing is saved');
  check(!unmarked.length, `focused without a visible mark: ${[...new Set(unmarked)].slice(0, 4).join(' | ')}`);
}

async function arrowTo(page, value) {
  for (let count = 0; count < 8; count++) {
    await page.keyboard.press('ArrowDown');
    if (await page.evaluate((wanted) => document.activeElement.value === wanted && document.activeElement.checked, value)) return;
  }
  throw new Error(`no option ${value} can be reached by the arrows`);
}

export async function reducedMotion(world, check) {
  const page = await (await world.browsers.context({ reducedMotion: 'reduce' })).newPage();
  await open(world, page, { story: 'first-injection-fully-documented' });
  const moving = await page.evaluate(() => [...document.querySelectorAll('*')].filter((element) => {
    const style = getComputedStyle(element);
    const longest = (text) => Math.max(...text.split(',').map(parseFloat));
    return longest(style.transitionDuration) > 0.01 || (style.animationName !== 'none' && longest(style.animationDuration) > 0.01) || style.scrollBehavior === 'smooth';
  }).map((element) => element.outerHTML.slice(0, 80)));
  check(!moving.length, `moves: ${moving.slice(0, 3).join(' | ')}`);
  check.all(await world.browsers.faults(page, 'fully-documented'));
}

export async function zoomedTwice(world, check) {
  const page = await (await world.browsers.context({ viewport: { width: 640, height: 450 }, deviceScaleFactor: 2 })).newPage();
  await open(world, page, { story: STORY });
  check(await page.evaluate(() => document.scrollingElement.scrollWidth <= document.scrollingElement.clientWidth), 'scrolls sideways');
  await world.browsers.screenshot(page, 'zoomed-twice');
}

export async function darkAndForcedColors(world, check) {
  for (const options of [{ colorScheme: 'dark' }, { forcedColors: 'active' }]) {
    const page = await (await world.browsers.context(options)).newPage();
    await open(world, page, { story: 'second-diagnostic-day-10' });
    check.all(await world.browsers.faults(page, options.colorScheme ?? 'forced-colors'));
  }
}

export async function faultsInAnswersAreTold(world, check) {
  const page = await (await world.browsers.context()).newPage();
  await open(world, page, { story: STORY });
  await fill(page, { 'adls-limited-since': '31.12.2025', 'exercise-therapy-weeks': 'six' });
  await page.locator(SAVE).click();
  await page.waitForSelector('#faults .banner');
  const shown = await read(page);
  check(shown.text.includes(words('faults-heading')) && shown.text.includes(words('not-date')), `saved: ${shown.text.slice(0, 160)}`);
  check((await page.locator('[data-field="exercise-therapy-weeks"] input').inputValue()) === 'six', 'what was typed is gone');
  check(await page.evaluate(() => Boolean(document.activeElement.closest('#faults'))), 'the focus is elsewhere');
  check.all(await world.browsers.faults(page, 'faults'));
}

export async function datesAsTheyAreTyped(world, check) {
  for (const javaScriptEnabled of [true, false]) {
    const { patient } = await world.ehr.chart(STORY);
    await world.ehr.remove('QuestionnaireResponse', patient);
    const page = await (await world.browsers.context({ javaScriptEnabled })).newPage();
    await open(world, page, { story: STORY });
    for (const [typed, key] of [['3/9/26', 'two-digit-year'], ['2/30/2026', 'no-such-day'], [us(day(30)), 'in-future'], ['soon', 'not-date']]) {
      await fill(page, { 'adls-limited-since': typed });
      await page.locator(SAVE).click();
      const field = page.locator('[data-field="adls-limited-since"]');
      await field.locator('.fault', { hasText: words(key) }).waitFor().catch(async () => check(false, `${typed}: ${await field.innerText()}`));
      await page.waitForSelector('#faults .banner');
      check((await field.locator('input[name]').inputValue()) === typed, `${typed} is not kept`);
    }
    await fill(page, { 'adls-limited-since': us(day(-200)) });
    await page.locator(SAVE).click();
    await page.waitForSelector('.banner.good');
    const [response] = await world.ehr.resources('QuestionnaireResponse', patient);
    check(JSON.stringify(response).includes(`"valueDate":"${day(-200)}"`), 'the date is not saved as FHIR has it');
  }
}

/** A date as it is written in the US, without leading zeros. */
function us(date) {
  const [year, month, dayOfMonth] = date.split('-').map(Number);
  return `${month}/${dayOfMonth}/${year}`;
}

export async function datesFromTheCalendar(world, check) {
  // A form that was saved is closed, and nothing in it can be picked.
  const { patient } = await world.ehr.chart(STORY);
  await world.ehr.remove('QuestionnaireResponse', patient);
  const page = await (await world.browsers.context()).newPage();
  await open(world, page, { story: STORY });
  const field = page.locator('[data-field="adls-limited-since"]');
  // As when a day is clicked in the browser's own calendar, which a test cannot reach.
  await field.locator('input.calendar').evaluate((calendar, value) => {
    calendar.value = value;
    ['input', 'change'].forEach((name) => calendar.dispatchEvent(new Event(name, { bubbles: true })));
  }, day(-200));
  const [year, month, dayOfMonth] = day(-200).split('-');
  check((await field.locator('input[name]').inputValue()) === `${month}/${dayOfMonth}/${year}`, 'the day picked is not in the field');
  const isFocused = async (when) => {
    const focused = await page.evaluate(() => document.activeElement.outerHTML.slice(0, 120));
    check(focused.includes('name="adls-limited-since"'), `the focus is elsewhere ${when}: ${focused}`);
  };
  await isFocused('after the day was picked');
  await page.waitForFunction(() => document.querySelector('#preview strong'));
  await isFocused('after the answer was judged');
  check(!(await field.locator('.fault').innerText()), `the day picked is refused: ${await field.locator('.fault').innerText()}`);
  const box = await field.locator('input.calendar').boundingBox();
  check(box.width >= 24 && box.height >= 24, `the calendar is too small to hit: ${box.width} by ${box.height}`);
  const plain = await (await world.browsers.context({ javaScriptEnabled: false })).newPage();
  await open(world, plain, { story: STORY });
  check(!(await plain.locator('input[type="date"]').count()), 'a calendar without a script feeds nothing');
}

export async function questionsThatDoNotApplyAreHidden(world, check) {
  const { patient } = await world.ehr.chart(STORY);
  await world.ehr.remove('QuestionnaireResponse', patient);
  for (const javaScriptEnabled of [true, false]) {
    const page = await (await world.browsers.context({ javaScriptEnabled })).newPage();
    await open(world, page, { story: STORY });
    const weeks = page.locator('[data-field="nsaid-weeks"]');
    await weeks.waitFor({ state: 'visible' });
    await fill(page, { 'nsaid-contraindicated': 'true' });
    if (!javaScriptEnabled) await page.locator(CHECK).click();
    await weeks.waitFor({ state: 'hidden', timeout: 3000 }).catch(() => check(false, `the weeks of NSAIDs are still shown, ${javaScriptEnabled ? 'with' : 'without'} a script`));
  }
}

export async function printView(world, check) {
  const page = await (await world.browsers.context()).newPage();
  await open(world, page, { story: 'first-injection-fully-documented' });
  await page.emulateMedia({ media: 'print' });
  check(await page.locator('#decision-heading').isVisible(), 'the decision is not printed');
  check(!(await page.locator(`${SAVE}:visible, ${CHECK}:visible`).count()), 'buttons are printed');
  await world.browsers.screenshot(page, 'printed');
}

export async function pageWeight(world, check) {
  const page = await (await world.browsers.context()).newPage();
  const bodies = [];
  page.on('response', (response) => response.url().startsWith(world.app.base) && response.status() === 200 && bodies.push(response.body().then((body) => body.length)));
  await open(world, page, { story: 'first-injection-fully-documented' });
  await page.waitForLoadState('networkidle');
  const bytes = (await Promise.all(bodies)).reduce((sum, length) => sum + length, 0);
  check.note(`page and assets: ${bytes} bytes before compression`);
  check(bytes < MAX_BYTES, `page and assets are ${bytes} bytes`);
}

export async function serverTime(world, check) {
  const times = [];
  for (let count = 0; count < LAUNCHES; count++) times.push(await timeOfLaunch(world));
  const median = times.toSorted((one, other) => one - other)[Math.floor(LAUNCHES / 2)];
  check.note(`server time beyond the EHR's answers, callback and page: median ${median.toFixed(1)} ms of ${times.map((time) => time.toFixed(1)).join(', ')}`);
  check(median < world.serverTime, `server time is ${median.toFixed(1)} ms, more than ${world.serverTime}`);
}

/** From the callback's request to the page's first byte, less the times in which the EHR had a request to answer. */
async function timeOfLaunch(world) {
  const page = await (await world.browsers.context()).newPage();
  const requests = [];
  page.on('requestfinished', (request) => requests.push(request));
  const since = Date.now();
  await open(world, page, { story: 'first-injection-fully-documented' });
  await page.waitForLoadState('networkidle');
  const log = await world.ehr.log(since);
  const ours = requests.filter((request) => request.url().startsWith(world.app.base) && request.resourceType() === 'document' && !request.url().includes('/smart/launch'));
  const spans = ours.map((request) => request.timing()).map((timing) => [timing.startTime + timing.requestStart, timing.startTime + timing.responseStart]);
  return spans.reduce((sum, span) => sum + length(span) - overlap(span, log), 0);
}

const length = ([start, end]) => Math.max(0, end - start);

function overlap(span, log) {
  const parts = log.map(({ start, end }) => [Math.max(start, span[0]), Math.min(end, span[1])]).filter(([start, end]) => end > start);
  let [sum, reached] = [0, 0];
  for (const [start, end] of parts.sort(([one], [other]) => one - other)) {
    sum += Math.max(0, end - Math.max(start, reached));
    reached = Math.max(reached, end);
  }
  return sum;
}
