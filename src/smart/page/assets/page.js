// The page without it is whole: this only judges the answers while they are given, guards against sending twice, and copies.
"use strict";
(() => {
  const form = document.getElementById("answers");
  let status = document.getElementById("preview");
  let waiting;
  let asking;
  let sent = false;

  const each = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);

  // Other criteria decide than before: their questions take their places, and what is typed and focused stays.
  const rebuild = (fresh) => {
    const typed = new FormData(form);
    const { id, selectionStart } = document.activeElement;
    form.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
    each("input[name]:not([type=hidden]), textarea[name]", (field) => {
      if (field.type === "radio" || field.type === "checkbox") field.checked = typed.getAll(field.name).includes(field.value) || (!typed.has(field.name) && field.checked);
      else if (typed.has(field.name)) field.value = typed.get(field.name);
    }, form);
    form.dataset.asked = fresh.dataset.asked;
    status = document.getElementById("preview");
    const focused = id && document.getElementById(id);
    if (!focused || !form.contains(focused)) return;
    focused.closest("details")?.setAttribute("open", "");
    focused.focus({ preventScroll: true });
    if (selectionStart != null && focused.setSelectionRange) focused.setSelectionRange(selectionStart, selectionStart);
  };

  const shape = (root) => root.dataset.asked + [...root.querySelectorAll("[data-block]")].map((block) => block.dataset.block).join();

  // What the server says anew goes in; what is typed, focused or opened stays.
  const update = (page) => {
    const answers = page.getElementById("answers");
    if (shape(answers) !== shape(form)) rebuild(answers);
    // Once answers are changed, saving them is what to do next.
    const [save, freshSave] = [form, answers].map((root) => root.querySelector("button[value=save]"));
    if (save && freshSave) save.className = freshSave.className;
    const open = [...document.querySelectorAll("details[open]")].map((details) => details.id);
    each("[data-live]", (part) => {
      const fresh = page.getElementById(part.id);
      if (!fresh || fresh.innerHTML === part.innerHTML || (part !== status && part.contains(document.activeElement))) return;
      part.className = fresh.className;
      part.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
    });
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    each("[data-field]", (field) => {
      const fresh = [...page.querySelectorAll("[data-field]")].find((other) => other.dataset.field === field.dataset.field);
      if (!fresh) return;
      field.hidden = fresh.hidden;
      field.className = fresh.className;
      ["fault", "origin"].forEach((name) => {
        const [old, now] = [field.querySelector("." + name), fresh.querySelector("." + name)];
        if (old) old.textContent = now ? now.textContent : "";
      });
      const main = "fieldset, [role=radiogroup], input, textarea";
      const [old, now] = [field.querySelector(main), fresh.querySelector(main)];
      ["aria-invalid", "aria-describedby"].forEach((name) => {
        if (now.hasAttribute(name)) old.setAttribute(name, now.getAttribute(name));
        else old.removeAttribute(name);
      });
    });
    each("[data-origin]", (part) => { part.textContent = page.getElementById(part.id)?.textContent ?? ""; });
    each("[data-confirm]", (part) => { part.hidden = !page.getElementById(part.id); });
    form.elements.csrf.value = answers.elements.csrf.value;
    reveal();
    addCalendars();
  };

  // The page comes from our own server and is only read: no script of it runs. A strict policy wants that said.
  const trusted = window.trustedTypes?.createPolicy("sij-cds-page", { createHTML: (html) => html });
  const parse = (html) => new DOMParser().parseFromString(trusted ? trusted.createHTML(html) : html, "text/html");

  const say = (words) => {
    const line = document.createElement("p");
    line.textContent = words;
    status.replaceChildren(line);
  };

  // Submits the form for an action, and reads the page that comes of it.
  const send = async (action, signal) => {
    const body = new URLSearchParams(new FormData(form));
    body.set("action", action);
    const answer = await fetch(form.getAttribute("action"), {
      method: "POST", body, signal, headers: { Accept: "text/html" }, credentials: "same-origin", redirect: "follow",
    });
    return parse(await answer.text());
  };

  const judge = async () => {
    asking?.abort();
    asking = new AbortController();
    try {
      const page = await send("preview", asking.signal);
      if (sent) return;
      if (page.getElementById("answers")) update(page);
      else say(page.querySelector("h1")?.textContent || form.dataset.failed);
    } catch (error) {
      if (error.name !== "AbortError") say(form.dataset.failed);
    }
  };

  const soon = (delay) => {
    clearTimeout(waiting);
    waiting = setTimeout(judge, delay);
  };

  const copy = async (button) => {
    const field = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      field.select();
      document.execCommand("copy");
    }
    button.textContent = form.dataset.copied;
  };

  const reveal = () => each("[data-print][hidden], [data-copy][hidden]", (button) => { button.hidden = false; });

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-print], [data-copy], [data-close]");
    if (!target) return;
    if (target.hasAttribute("data-print")) window.print();
    else if (target.hasAttribute("data-copy")) copy(target);
    else window.close();
  });

  // A printed page shows what is folded away.
  window.addEventListener("beforeprint", () => each("details:not([open])", (details) => { details.open = true; details.dataset.folded = ""; }));
  window.addEventListener("afterprint", () => each("[data-folded]", (details) => { details.open = false; delete details.dataset.folded; }));

  // The reader's own time and way of writing it.
  each("[data-time]", (time) => { time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }); });

  // A US or FHIR date of one day, as a date field of the browser has it.
  const isoDay = (text) => {
    const [, month, day, year] = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text.trim()) ?? [];
    return year ? `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}` : text.trim();
  };

  // The browser's own calendar beside each date. Who types needs only the text field, so the calendar is for pointers alone.
  const addCalendars = () => each(".date .entry", (entry) => {
    if (entry.querySelector(".calendar")) return;
    const [typed, calendar] = [entry.querySelector("input"), document.createElement("input")];
    const now = new Date();
    Object.assign(calendar, { type: "date", className: "calendar", tabIndex: -1, title: form.dataset.pick });
    calendar.min = "1900-01-01";
    calendar.max = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
    calendar.setAttribute("aria-hidden", "true");
    calendar.addEventListener("pointerdown", () => { calendar.value = isoDay(typed.value); });
    calendar.addEventListener("input", (event) => event.stopPropagation());
    calendar.addEventListener("change", (event) => {
      event.stopPropagation();
      if (!calendar.value) return;
      const [year, month, day] = calendar.value.split("-");
      typed.value = `${month}/${day}/${year}`;
      typed.dispatchEvent(new Event("input", { bubbles: true }));
      typed.focus();
    });
    entry.append(calendar);
  }, form);

  // The minutes left, a warning before they are over, and more of them on request.
  const WARN_SECONDS = 300;
  const watchTime = () => {
    let part, end;
    const warn = (words) => {
      const line = part.querySelector(".warning");
      part.classList.toggle("soon", Boolean(words));
      if (line.textContent !== words) line.textContent = words;
    };
    const tick = () => {
      const left = (end - Date.now()) / 1000;
      const [line, { dataset }] = [part.querySelector("[data-remaining]"), part.querySelector(".warning")];
      line.textContent = left > 0 ? line.dataset.remaining.replace("{}", Math.ceil(left / 60)) : "";
      warn(left <= 0 ? dataset.ended : left <= WARN_SECONDS ? dataset.soon : "");
      if (left <= 0) part.querySelector("button")?.remove();
    };
    const begin = () => {
      part = document.getElementById("session-time");
      if (!part) return;
      end = Date.now() + Number(part.dataset.left) * 1000;
      each("[data-clock]", (time) => { time.textContent = new Date(time.dateTime).toLocaleTimeString([], { timeStyle: "short" }); }, part);
      tick();
    };
    begin();
    if (!part) return;
    setInterval(tick, 1000);
    document.addEventListener("click", async (event) => {
      if (!event.target.closest("button[value=extend]") || !form) return;
      event.preventDefault();
      try {
        const page = await send("extend");
        const fresh = page.getElementById("session-time");
        if (!fresh) return warn(page.querySelector("h1")?.textContent || form.dataset.failed);
        part.replaceWith(document.importNode(fresh, true));
        begin();
        part.querySelector("button")?.focus();
      } catch {
        warn(form.dataset.failed);
      }
    });
  };

  document.documentElement.classList.add("live");
  reveal();
  watchTime();
  document.querySelector("[data-focus]")?.focus();
  if (!form) return;

  addCalendars();
  // A date is judged when it is whole, not while its year is typed.
  const delay = ({ type, parentElement }) => (type === "radio" ? 150 : parentElement.closest(".date") ? 1500 : 600);
  form.addEventListener("input", (event) => soon(delay(event.target)));
  form.addEventListener("submit", (event) => {
    if (sent) return event.preventDefault();
    sent = true;
    clearTimeout(waiting);
    asking?.abort();
    if (event.submitter?.value === "save") say(form.dataset.saving);
    each("button[type=submit]", (button) => button.setAttribute("aria-disabled", "true"), form);
  });
  // Back from another page: the form may be sent again.
  window.addEventListener("pageshow", () => {
    sent = false;
    each("button[aria-disabled]", (button) => button.removeAttribute("aria-disabled"), form);
  });
})();
