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
  };

  // The page comes from our own server and is only read: no script of it runs. A strict policy wants that said.
  const trusted = window.trustedTypes?.createPolicy("sij-cds-page", { createHTML: (html) => html });
  const parse = (html) => new DOMParser().parseFromString(trusted ? trusted.createHTML(html) : html, "text/html");

  const say = (words) => {
    const line = document.createElement("p");
    line.textContent = words;
    status.replaceChildren(line);
  };

  const judge = async () => {
    asking?.abort();
    asking = new AbortController();
    const body = new URLSearchParams(new FormData(form));
    body.set("action", "preview");
    try {
      const answer = await fetch(form.getAttribute("action"), {
        method: "POST", body, signal: asking.signal, headers: { Accept: "text/html" }, credentials: "same-origin", redirect: "follow",
      });
      const page = parse(await answer.text());
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

  document.documentElement.classList.add("live");
  reveal();
  document.querySelector("[data-focus]")?.focus();
  if (!form) return;

  form.addEventListener("input", (event) => soon(event.target.type === "radio" ? 150 : 600));
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
