"use strict";
/* The studio: sends formula and values to its own server, shows what comes back, keeps the state in the address.
   #f formula  v values  s spelling  one σ as one gate  facts  view  example
   Values that somebody gave are `given`; those that were drawn are `drawn` and make way where they do not fit. */
(() => {
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const one = (what, where = document) => where.querySelector(what);
  const json = id => JSON.parse(one(id).textContent);
  const formula = one("#formula"), scale = new CSSStyleSheet();
  let state = json("#state"), given = { ...state.values }, drawn = {}, hand = new Set(), kept = "", example = "";
  let ticket = 0, derived = "", pushed = 0, timer, shown = "";

  /* ── ask and show ── */

  const post = async (path, told) => {
    const reply = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(told) });
    const text = await reply.text();
    const found = reply.headers.get("Content-Type").startsWith("application/json") ? JSON.parse(text) : text;
    if (found.error !== undefined) throw found;
    return found;
  };
  const failure = error => (typeof error?.error === "string" ? error : { error: say("gone") });
  const korean = () => one("#in-ko").checked;
  const words = json("#words"), say = key => words[key][korean() ? "ko" : "en"];

  function soon(wait = 250) { clearTimeout(timer); timer = setTimeout(ask, wait); }

  async function ask(push = true) {
    clearTimeout(timer);
    const mine = ++ticket, combine = one("#combine").checked, syntax = one("#syntax").value;
    try {
      const html = await post("/api/trace", { formula: formula.value, syntax, values: given, remembered: drawn, kept, combine });
      if (mine !== ticket) return;
      show(html);
      remember(push);
      problem(null);
      if (view() === "derivation") derive();
    } catch (error) { if (mine === ticket) problem(failure(error)); }
  }

  function show(html) {
    const page = new DOMParser().parseFromString(html, "text/html"), before = JSON.stringify([state.shapes, state.values]);
    state = JSON.parse(one("#state", page).textContent);
    for (const [name, value] of Object.entries(state.values)) (name in given ? given : drawn)[name] = value;
    scale.replaceSync(state.scale);
    document.title = state.title;
    document.dispatchEvent(new CustomEvent("computed", { detail: html }));
    if (before !== JSON.stringify([state.shapes, state.values]) && !typedAlready()) fields(one(".inputs", page));
    shown = formula.value;
  }

  const typedAlready = () => {
    const sets = all(".inputs .value");
    return sets.length === Object.keys(state.values).length &&
      sets.every(set => JSON.stringify(read(set)) === JSON.stringify(state.values[set.dataset.name]));
  };

  function fields(fresh) {  /* the field that had the focus has it again */
    const at = document.activeElement.closest(".inputs") ? document.activeElement.getAttribute("aria-label") : null;
    one(".inputs").replaceWith(document.adoptNode(fresh));
    const again = at && all(".inputs [aria-label]").find(e => e.getAttribute("aria-label") === at);
    again?.focus();
    if (again?.matches("input")) again.select();
  }

  function problem(error) {
    document.body.classList.toggle("stale", !!error);
    one("#kept").hidden = !error;
    one("#problem").textContent = error?.error ?? "";
    formula.setAttribute("aria-invalid", !!error && error.start !== undefined);
    const under = one(".under"), text = formula.value;
    under.replaceChildren();
    if (error?.start === undefined) return;
    const points = [...text], mark = document.createElement("mark");  /* Python counts code points */
    const [a, b] = [error.start, Math.max(error.end, error.start + 1)];
    mark.textContent = points.slice(a, b).join("") || " ";
    under.append(points.slice(0, a).join(""), mark, points.slice(b).join(""));
  }

  function grow() {
    formula.rows = Math.min(8, formula.value.split("\n").length);
    formula.style.height = "auto";
    formula.style.height = formula.scrollHeight + 2 + "px";
  }

  /* ── values ── */

  const number = text => { const n = text.trim() === "" ? NaN : +text.trim().replace("−", "-"); return Number.isFinite(n) ? n : null; };

  function read(set) {  /* the value in the fields of a variable; null if there is one that is no number */
    const big = one(".entries", set), shape = state.shapes[set.dataset.name] ?? [];
    if (big) { try { return JSON.parse(big.value); } catch { return null; } }
    const cells = all(".cell", set), entries = cells.map(e => number(e.value));
    cells.forEach((e, k) => e.setAttribute("aria-invalid", entries[k] === null));
    if (entries.includes(null)) return null;
    if (!shape.length) return entries[0];
    const wide = shape.at(-1);
    return shape.length === 1 ? entries : Array.from({ length: shape[0] }, (_, i) => entries.slice(i * wide, (i + 1) * wide));
  }

  function edited(set) {
    const value = read(set), name = set.dataset.name;
    if (value === null) return problem({ error: `${name}: ${say("number")}` });
    changed(name, value);
  }

  function changed(name, value) {
    given[name] = value;
    hand.add(name);
    kept = name;
    look("");  /* what it says holds for its own numbers */
    soon();
  }

  const full = (shape, old) => (shape.length ? Array.from({ length: shape[0] }, (_, k) => full(shape.slice(1), Array.isArray(old) ? old[k] : undefined))
    : typeof old === "number" ? old : Math.round(Math.random() * 40 - 20) / 10);

  function reshaped(field) {
    const axes = field.value.trim().split(/\s*[×x,*\s]\s*/).filter(Boolean), name = field.closest(".value").dataset.name;
    const right = axes.length <= 4 && axes.every(a => /^\d{1,2}$/.test(a) && +a >= 1 && +a <= 64) && axes.reduce((n, a) => n * a, 1) <= 4096;
    field.setAttribute("aria-invalid", !right);
    if (!right) return problem({ error: `${name}: ${say("bad shape")}` });
    changed(name, full(axes.map(Number), state.values[name]));
  }

  function others() {
    const dice = value => (Array.isArray(value) ? value.map(dice) : Math.round(Math.random() * 40 - 20) / 10);
    for (const set of all(".inputs .value:not([data-kind])")) {
      const name = set.dataset.name;
      given[name] = dice(state.values[name]);
      hand.add(name);
    }
    look("");
    ask();
  }

  /* ── the derivation ── */

  async function derive() {
    const told = { formula: shown, syntax: one("#syntax").value, shapes: state.shapes, kind: one("#kind").value,
      detail: +one("#detail").value, wrt: one("#wrt").value, facts: one("#facts").value }, key = JSON.stringify(told);
    if (key === derived) return;
    derived = key;
    one("#derivation").classList.add("waiting");
    try {
      const reply = await post("/api/derive", told);
      if (derived !== key) return;
      const found = new DOMParser().parseFromString(reply.html, "text/html");
      one("#derived").replaceChildren(...document.adoptNode(found.body).childNodes);
      for (const kind of ["latex", "python", "mathml"]) one(`#in-${kind}`).textContent = reply[kind];
      one("#sources").hidden = false;
      one("#wrong").textContent = "";
    } catch (error) {
      if (derived !== key) return;
      derived = "";
      one("#wrong").textContent = failure(error).error;
    }
    one("#derivation").classList.remove("waiting");
  }

  async function copy(button) {
    await navigator.clipboard.writeText(one(`#in-${button.dataset.copy}`).textContent);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  }

  /* ── the address ── */

  const view = () => document.body.dataset.view;
  const parsed = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

  function address() {
    const values = Object.fromEntries(Object.keys(state.values).map(name => [name, state.values[name]]));
    const told = { f: shown, v: JSON.stringify(values), s: one("#syntax").value, one: one("#combine").checked ? "1" : "",
      facts: one("#facts").value, example, view: view() === "graph" ? "" : view() };
    return "#" + Object.entries(told).filter(([, v]) => v).map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join("&");
  }

  function remember(push) {  /* what is typed at one go is one step back */
    const there = address(), now = Date.now();
    if (there === location.hash) return;
    history[push && now - pushed > 1500 ? "pushState" : "replaceState"](null, "", there);
    pushed = now;
  }

  function look(key) {
    example = key;
    const card = key && one(`.example[data-example="${CSS.escape(key)}"] .look`);
    one("#look").hidden = !card;
    if (card) one("#look").replaceChildren(...card.cloneNode(true).childNodes);
    all(".example").forEach(e => e.toggleAttribute("aria-current", e.dataset.example === key));
  }

  function turn(to, now = true) {
    document.body.dataset.view = ["derivation", "gallery"].includes(to) ? to : "graph";
    all("nav [data-view]").forEach(e => { if (e.dataset.view === view()) e.setAttribute("aria-current", "page"); else e.removeAttribute("aria-current"); });
    if (now && view() === "derivation") derive();
  }

  async function open() {  /* what the address says */
    const told = parsed();
    if (told.f === undefined) { turn(told.view); return remember(false); }
    let values = {};
    try { values = JSON.parse(told.v ?? "{}"); } catch { /* an address that was cut: the values are drawn */ }
    formula.value = told.f;
    [given, drawn, hand, kept] = [values && typeof values === "object" && !Array.isArray(values) ? values : {}, {}, new Set(), ""];
    one("#syntax").value = told.s ?? "";
    one("#combine").checked = told.one === "1";
    one("#facts").value = told.facts ?? "";
    look(told.example ?? "");
    grow();
    turn(told.view, false);
    scrollTo(0, 0);
    await ask(false);
  }

  /* ── events ── */

  formula.addEventListener("input", () => {
    for (const name of Object.keys(given)) if (!hand.has(name)) { drawn[name] = given[name]; delete given[name]; }
    kept = "";
    if (example) look("");
    one(".under").replaceChildren();
    grow();
    soon();
  });
  document.addEventListener("input", event => {
    const at = what => event.target.closest(what);
    if (at(".cell, .entries")) edited(at(".value"));
    if (at("#wrt, #facts")) { clearTimeout(timer); timer = setTimeout(() => { remember(false); derive(); }, 400); }
    if (event.target.name === "language") tongue();
  });
  document.addEventListener("change", event => {
    if (event.target.matches(".shape")) reshaped(event.target);
    if (event.target.matches("#syntax, #combine")) ask();
    if (event.target.matches("#kind, #detail")) derive();
  });
  document.addEventListener("click", event => {
    const at = what => event.target.closest?.(what);
    if (at("#random")) others();
    if (at("[data-copy]")) copy(at("[data-copy]"));
    if (at("nav [data-view]") && at("nav [data-view]").dataset.view !== "tagger") {
      event.preventDefault();
      turn(at("nav [data-view]").dataset.view);
      history.pushState(null, "", address());
    }
  });
  document.addEventListener("keydown", event => {
    if (event.target === formula && event.key === "Enter" && !event.shiftKey && (event.ctrlKey || event.metaKey)) { event.preventDefault(); ask(); }
    if (event.target === formula && event.key === "Escape") formula.blur();
    const cell = event.target.closest?.(".cell"), rows = { ArrowDown: 1, ArrowUp: -1, Enter: 1 }[event.key];
    if (!cell || !rows) return;
    const wide = cell.closest("tr")?.cells.length ?? 1, cells = all(".inputs .cell");
    const next = cells[cells.indexOf(cell) + rows * wide];
    if (next) { event.preventDefault(); next.focus(); next.select(); }
  });
  function tongue() {
    for (const e of all("[data-en]")) e[e.matches("option") ? "textContent" : "placeholder"] = e.dataset[korean() ? "ko" : "en"];
    document.documentElement.lang = korean() ? "ko" : "en";
  }
  addEventListener("popstate", open);

  document.adoptedStyleSheets = [scale];
  scale.replaceSync(state.scale);
  shown = formula.value;
  grow();
  tongue();
  open();
})();
