// The app's page, as a test reads and fills it in. A view is a page of the browser, or a frame on one.

import { readFileSync } from 'node:fs';

import { day } from './charts.mjs';

const WORDS = readFileSync('cds-hooks/words/en.toml', 'utf8');
export const SAVE = 'button[name="action"][value="save"]';
/** Shown where there is no script, or nothing can be saved; else answers are checked while they are given. */
export const CHECK = 'button[name="action"][value="preview"]:not(.unseen)';

/** What the story `nothing-documented` lacks, in the page's order. */
export const ANSWERS = {
  'conservative-care-failed': 'true',
  'pain-below-l5-nonradicular': 'true', 'pain-interferes-adls': 'true', 'adls-limited-since': day(-200),
  'sij-tenderness': 'true', 'test-distraction': 'positive', 'test-compression': 'positive', 'test-thigh-thrust': 'positive',
  'exercise-therapy-weeks': '8', 'nsaid-weeks': '4', 'activity-modification-weeks': '6',
  'other-diagnosis-more-likely': 'false',
};

/** The catalogue's words for a key. */
export function words(key) {
  const found = new RegExp(`^${key} = "(.*)"$`, 'm').exec(WORDS);
  if (!found) throw new Error(`the catalogue has no ${key}`);
  return found[1];
}

/** Opens the page of an order; without it a test cannot go on. */
export async function open(...parameters) {
  const shown = await launch(...parameters);
  if (!shown.determination) throw new Error(`the page does not open: ${shown.text.slice(0, 200)}`);
  return shown;
}

/** Opens a launch in a view and waits for the page, or the notice, that it ends with. */
export async function launch(world, view, options, app = world.app) {
  await view.goto(await world.ehr.launchAddress(app, options));
  await view.waitForSelector('#decision-heading, main.notice h1');
  await view.waitForLoadState('load');
  return read(view);
}

/** What a view shows: the determination, or the heading of a notice. */
export async function read(view) {
  return view.evaluate(() => ({
    determination: document.getElementById('decision')?.className.split(' ').find((name) => name.startsWith('d-'))?.slice(2),
    notice: document.querySelector('main.notice h1')?.textContent,
    text: document.body.innerText,
    html: document.documentElement.outerHTML,
    asked: document.getElementById('answers')?.dataset.asked?.split(' ').filter(Boolean) ?? [],
    order: document.querySelector('input[name="order"]')?.value,
    // Not the form's property, which is the button of that name.
    action: new URL(document.querySelector('form')?.getAttribute('action') ?? '', location.href).href,
    csrf: document.querySelector('input[name="csrf"]')?.value,
  }));
}

export async function fill(view, answers) {
  for (const [link, value] of Object.entries(answers)) {
    const field = view.locator(`[data-field="${link}"]`);
    if ((await field.count()) && !(await field.isVisible())) await view.locator('#others > summary').click();
    if (await field.locator('input[type="radio"]').count()) await field.locator(`input[value="${value}"]`).check();
    else await field.locator('input[name]').fill(value);
  }
}

/** Waits until the live preview says this determination. */
export async function previewed(view, determination) {
  await view.waitForSelector(`#preview .d-${determination}`);
  return read(view);
}

export async function save(view) {
  await view.locator(SAVE).click();
  await view.waitForSelector('#standing-heading, main.notice h1');
  return read(view);
}

/** Whether a notice says what this key of the catalogue says, to a person. */
export function says(shown, ...keys) {
  return Boolean(shown.notice) && keys.some((key) => shown.text.includes(words(key)));
}
