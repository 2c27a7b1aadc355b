// Chromium, and what every state of a page is held to: nothing serious by axe-core, no scrolling sideways in a narrow panel, no
// fault in the console, nothing stored, no token anywhere. Not here: what a page says.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const WAIT = 10_000;
/** The panel of an EHR, and the narrowest that WCAG 2.2 has pages be usable in (1.4.10). */
const WIDTHS = [400, 320];

export const CHROMIUM = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => path && existsSync(path));

export class Browsers {
  #open = [];
  #profiles = [];

  constructor({ output, secrets }) {
    this.output = output;
    this.secrets = secrets;
    mkdirSync(output, { recursive: true });
  }

  /** A context of its own, with a profile of its own in a browser that all share. */
  async context(options = {}) {
    this.shared ??= await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS, timeout: 30_000 });
    return this.#watched(await this.shared.newContext({ viewport: { width: 1280, height: 900 }, ...options }));
  }

  /** A browser of its own, which blocks the cookies of third parties or, to show the difference, does not. */
  async thirdPartyCookies(blocked) {
    const profile = mkdtempSync(join(tmpdir(), 'sij-cds-profile-'));
    this.#profiles.push(profile);
    mkdirSync(join(profile, 'Default'));
    writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify({ profile: { cookie_controls_mode: blocked ? 1 : 0, block_third_party_cookies: blocked } }));
    const args = blocked ? [...ARGUMENTS, '--test-third-party-cookie-phaseout'] : ARGUMENTS;
    return this.#watched(await chromium.launchPersistentContext(profile, { executablePath: CHROMIUM, args, timeout: 30_000, viewport: { width: 1280, height: 900 } }));
  }

  #watched(context) {
    this.#open.push(context);
    context.setDefaultTimeout(WAIT);
    context.setDefaultNavigationTimeout(WAIT);
    const seen = { faults: [], urls: [] };
    context.seen = seen;
    // Of an answer that failed only the request tells whether it was the page itself, which may fail on purpose.
    context.on('console', (message) => message.type() === 'error' && !message.text().startsWith('Failed to load resource') && seen.faults.push(message.text()));
    context.on('response', (response) => response.status() >= 400 && response.request().resourceType() !== 'document' && seen.faults.push(`${response.status()} for ${new URL(response.url()).pathname}`));
    context.on('weberror', (error) => seen.faults.push(String(error.error())));
    context.on('request', (request) => seen.urls.push(request.url()));
    return context;
  }

  async closeContexts() {
    for (const context of this.#open.splice(0)) await context.close().catch(() => {});
  }

  async close() {
    await this.closeContexts();
    await this.shared?.close();
    for (const profile of this.#profiles) rmSync(profile, { recursive: true, force: true });
  }

  /** A picture of the whole page, for which the window is made as high as it, so that nothing sticks to an edge. */
  async screenshot(page, name, frame = page.mainFrame()) {
    const { width, height } = page.viewportSize();
    const whole = await frame.evaluate(() => document.documentElement.scrollHeight);
    await page.setViewportSize({ width, height: Math.max(height, Math.ceil(whole * (frame === page.mainFrame() ? 1 : 1.1))) });
    await page.screenshot({ path: join(this.output, `${name}.png`), fullPage: true });
    await page.setViewportSize({ width, height });
  }

  /** Holds a state of the page to all that every state is held to, and returns what is wrong. */
  async faults(page, name, frame = page.mainFrame()) {
    const found = [];
    const before = page.viewportSize();
    await this.screenshot(page, `${name}-${before.width}`, frame);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      const [wide, widest] = await frame.evaluate(wider);
      if (wide) found.push(`${name}: scrolls sideways at ${width} px, for ${widest}`);
      await this.screenshot(page, `${name}-${width}`, frame);
      found.push(...(await axe(frame)).map((fault) => `${name} at ${width} px: ${fault}`));
    }
    await page.setViewportSize(before);
    found.push(...(await axe(frame)).map((fault) => `${name}: ${fault}`));
    found.push(...(await this.leaks(page, frame)).map((fault) => `${name}: ${fault}`));
    const { faults } = page.context().seen;
    found.push(...faults.splice(0).map((fault) => `${name}: console: ${fault}`));
    return [...new Set(found)];
  }

  /** Tokens in addresses or in the page, and anything that is stored. */
  async leaks(page, frame) {
    const html = await frame.content();
    const { urls } = page.context().seen;
    const secrets = await this.secrets();
    const found = [];
    if (secrets.some((secret) => html.includes(secret))) found.push('a token stands in the page');
    if (secrets.some((secret) => urls.some((url) => url.includes(secret)))) found.push('a token stands in an address');
    const stored = await frame.evaluate(() => { try { return localStorage.length + sessionStorage.length; } catch { return 0; } });
    if (stored) found.push('something is stored in the browser');
    return found;
  }
}

/** Runs in the page: whether it is wider than the window, and by what. */
function wider() {
  const root = document.scrollingElement ?? document.documentElement;
  const limit = root.clientWidth;
  const beyond = [...document.body.querySelectorAll('*')].find((element) => element.getBoundingClientRect().right > limit + 1 && !element.closest('svg'));
  return [root.scrollWidth > limit, beyond ? `${beyond.tagName.toLowerCase()}#${beyond.id}.${beyond.className}` : ''];
}

/** What axe-core finds serious or critical, by the rules of WCAG 2.2 AA and its best practices. */
export async function axe(frame) {
  await frame.evaluate(AXE);
  const found = await frame.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const bad = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return bad.map(({ id, nodes }) => `axe: ${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`);
}

/** Presses Tab until what is focused matches, and returns what was focused on the way without a visible mark, or behind something. */
export async function tabTo(page, selector, most = 200) {
  const unmarked = [];
  for (let count = 0; count < most; count++) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return unmarked;
    await page.keyboard.press('Tab');
    // The page may still be scrolling to what is focused.
    const marked = await page.waitForFunction(isMarked, undefined, { timeout: 1000 }).catch(() => null);
    if (!marked) unmarked.push(await page.evaluate(() => document.activeElement.outerHTML.slice(0, 120)));
  }
  throw new Error(`${selector} cannot be reached by Tab`);
}

/** Runs in the page: whether what is focused has a mark and is not wholly behind something (WCAG 2.2, 2.4.7 and 2.4.11). */
function isMarked() {
  const element = document.activeElement;
  if (!element || element === document.body) return true;
  const marks = (style) => (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
  const around = element.closest('label');
  if (!marks(getComputedStyle(element)) && !(around && marks(getComputedStyle(around)))) return false;
  const { left, top, width, height } = element.getBoundingClientRect();
  const parts = [[0.5, 0.5], [0.05, 0.1], [0.95, 0.1], [0.05, 0.9], [0.95, 0.9]];
  return parts.some(([x, y]) => {
    const seen = document.elementFromPoint(left + x * width, top + y * height);
    return seen && (element.contains(seen) || seen.contains(element));
  });
}
