"use strict";
/* Steps, links, highlights, edits and exports of a page that Python has drawn whole. Marks in the page:
   data-n      the row of a node, a line, a part of a formula, a panel
   data-at     the step at which a number is known; before it a question mark stands there
   data-dim    the same for lines of code      data-from, data-until    the steps at which something is shown
   data-sum    what arrives, and when      data-s, -t  the rows that a wire and what is written at it lead from and to      data-step    a step to go to */
(() => {
  const root = document.documentElement;
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const one = (what, where = document) => where.querySelector(what);
  const LANGUAGES = ["en", "ko"];
  let data, step, chosen, texts;

  /* ── what is shown at which step ── */

  async function load() {
    data = JSON.parse(one("#data").textContent);
    if (data.packed) Object.assign(data, await inflated(data.packed));
    texts = new Map();
    prepare(document);
  }
  function prepare(where) {
    all(".flow", where).forEach(boxes);
    for (const e of all("[data-at]", where)) if (carrier(e)) texts.set(e, [carrier(e), carrier(e).textContent]);
    for (const e of all(".node, .lines li", where)) e.tabIndex = 0;
    for (const e of all(".node", where)) e.setAttribute("role", "button");
    for (const e of all(".from", where)) {
      const said = data.upstream.map(text => text.replace("{name}", e.textContent));
      e.replaceChildren(...said.map((text, k) => make("tspan", { lang: LANGUAGES[k] }, text)));
    }
    all(".outer", where).forEach(svg => light(svg, 0, 0));
  }
  async function inflated(text) {
    const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
    return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text());
  }
  function unpack(box, html) {  /* into the page, as it is at this step */
    box.insertAdjacentHTML("beforeend", html);
    prepare(box.lastElementChild);
    reveal(box.lastElementChild);
  }
  const make = (tag, attributes = {}, ...inside) => {
    const e = document.createElementNS(`http://www.w3.org/${tag === "tspan" ? "2000/svg" : "1999/xhtml"}`, tag);
    Object.entries(attributes).forEach(([k, v]) => e.setAttribute(k, v));
    e.append(...inside);
    return e;
  };
  const slope = (above, below) => document.adoptNode(new DOMParser().parseFromString(
    `<math xmlns="http://www.w3.org/1998/Math/MathML"><mfrac><mrow><mi>∂</mi>${data.names[above]}</mrow>` +
    `<mrow><mi>∂</mi>${data.names[below]}</mrow></mfrac></math>`, "application/xml").documentElement);

  function boxes(flow) {  /* upstream × local = downstream, from the equation in the page */
    const { s, t, at3 } = flow.dataset, line = one("b", flow), out = data.chosen;
    const numbers = line.textContent.split(/ [×=] /), known = at3.split(" ");
    const slopes = [[out, t], [t, s], [out, s]];
    const [up, local, down] = numbers.map((text, k) => make("div", { class: "box " + "uld"[k] },
      make("small", {}, ...data.boxes[k].map((word, i) => make("span", { lang: LANGUAGES[i] }, word))),
      slope(...slopes[k]), make("b", { "data-at": known[k], class: text.length > 8 ? "long" : "" }, text)));
    const op = sign => make("span", { class: "op" }, sign);
    flow.before(make("div", { class: "eq" }, up, op("×"), local, op("="), down));
    if (one("math", flow)) one("math", flow).before(slope(t, s), " = ");
    line.remove();
  }

  const carrier = e => e.matches("g.pill") ? e.lastElementChild : e.children.length ? null : e;

  const write = (e, text) => { if (e.textContent !== text) e.textContent = text; };  /* what stands there is not drawn again */
  function reveal(where) {
    for (const e of all("[data-at],[data-dim]", where)) {
      const pending = step < +(e.dataset.at ?? e.dataset.dim);
      e.classList.toggle("pending", pending);
      const [target, full] = texts.get(e) ?? [];
      if (target) write(target, pending ? (full.startsWith("◂") ? "◂ ?" : "?") : full);
    }
    for (const e of all("[data-from],[data-until]", where)) {
      e.toggleAttribute("hidden", step < +(e.dataset.from ?? 0) || step >= +(e.dataset.until ?? Infinity));
    }
    all("[data-sum]", where).forEach(sum);
  }

  function show() {
    reveal(document);
    const now = data.steps[step];
    const isNow = e => now.k !== "done" && now.n !== null && holds(e, now.n);
    all(".node").forEach(e => e.classList.toggle("now", isNow(e)));
    all(".link").forEach(e => e.classList.toggle("now", now.k === "backward" && +e.dataset.t === now.n));
    all(".track button").forEach(e => {
      e.classList.toggle("done", +e.dataset.step <= step);
      if (+e.dataset.step === step) e.setAttribute("aria-current", "step"); else e.removeAttribute("aria-current");
    });
    const slider = one("#slide");
    if (slider) slider.value = step;
    const last = step === data.steps.length - 1;
    all("#check table").forEach(e => e.toggleAttribute("hidden", !last));
    all("#check .wait").forEach(e => e.toggleAttribute("hidden", last));
    one("#first").disabled = one("#back").disabled = step === 0;
    one("#next").disabled = one("#last").disabled = last;
    caption();
  }

  function sum(e) {  /* 3 + 2 = 5 where all has arrived, before that 3 + …, in a panel 3 + ? */
    if (!texts.has(e)) texts.set(e, [e, e.textContent]);
    const parts = e.dataset.sum.split(";").map(part => part.split(" ")), missing = parts.filter(([at]) => step < +at).length;
    const there = parts.filter(([at]) => step >= +at).map(([, text]) => text), drawn = e.matches("text");
    const known = [...(drawn ? there.slice(0, 2) : there), ...(drawn ? ["…"] : Array(missing).fill("?"))];
    e.classList.toggle("pending", missing === parts.length);
    write(e, !missing ? texts.get(e)[1] : drawn && !there.length ? "∂" : known.join(" + ").replaceAll("+ −", "− "));
  }

  function caption() {
    const said = data.steps[step].say[root.lang === "ko" ? 1 : 0];
    const cut = said.indexOf(". ") + 1;
    one("#cap").replaceChildren(make("b", {}, said.slice(0, cut)), said.slice(cut));
  }

  const holds = (e, n) => +e.dataset.n === n || (n >= +e.dataset.first && n < +e.dataset.past);

  function select(n) {
    chosen = n;
    if (data.panels && !one(`.panel[data-n="${n}"]`)) unpack(one("#why"), data.panels[n]);
    const near = e => +e.dataset.s === n || +e.dataset.t === n;
    all(".node").forEach(e => {
      e.classList.toggle("sel", holds(e, n));
      e.setAttribute("aria-pressed", holds(e, n));
    });
    all(".link").forEach(e => e.classList.toggle("on", near(e)));
    all(".at").forEach(e => e.classList.toggle("on", near(e)));
    all(".local").forEach(e => e.classList.toggle("on", +e.dataset.n === n));
    all(".from").forEach(e => e.classList.toggle("on", +e.dataset.up === n));
    all(".panel").forEach(e => e.classList.toggle("on", +e.dataset.n === n));
    all("header [data-n], .lines [data-n], .code [data-n]").forEach(e => e.classList.toggle("hl", +e.dataset.n === n));
    const lines = all(".code .hl"), back = data.steps[step].k === "backward";
    for (const e of [one(".lines li.hl"), lines.at(back ? -1 : 0)]) if (e) into(e, e.closest(".lines, .code"));
    const first = one(".panel.on .eq"), rule = one(".rule-of-all");
    rule.hidden = !first;
    first?.before(rule);
    const node = all(".node.sel").find(e => e.getBoundingClientRect().width);
    if (node) into(node, one("#graph"));
  }

  function into(e, box) {  /* scrolls the box alone, and only as far as it must */
    const a = e.getBoundingClientRect(), b = box.getBoundingClientRect(), room = 40;
    if (a.left < b.left) box.scrollLeft -= b.left - a.left + room;
    if (a.right > b.right) box.scrollLeft += a.right - b.right + room;
    if (a.top < b.top) box.scrollTop -= b.top - a.top + room;
    if (a.bottom > b.bottom) box.scrollTop += a.bottom - b.bottom + room;
  }

  function go(to) {
    step = Math.max(0, Math.min(data.steps.length - 1, to));
    const n = data.steps[step].n;
    show();
    if (n !== null) select(n);
  }

  /* ── the outer product: a cell lights its row and its column ── */

  function light(svg, i, j) {
    const cells = all("[data-k]", svg);
    const is = (e, k) => e.dataset.k === k && (k === "x" || +e.dataset.i === i) && (k === "d" || +e.dataset.j === j);
    cells.forEach(e => e.classList.toggle("ch", is(e, "w") || is(e, "d") || is(e, "x")));
    const text = k => cells.find(e => is(e, k))?.nextElementSibling?.textContent;
    const low = k => String(k + 1).replace(/\d/g, d => "₀₁₂₃₄₅₆₇₈₉"[d]);
    const { left, right } = svg.closest(".picture").dataset;
    const told = one(".says", svg.closest(".picture"));
    told.textContent = `(${i + 1}, ${j + 1}):  ${left}${low(i)} · ${right}${low(j)} = ${text("d")} · ${text("x")} = ${text("w")}`;
  }

  /* ── exports ── */

  const LOOKS = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size",
    "font-style", "font-weight", "text-anchor", "paint-order"];

  function drawing() {  /* the graph as it is seen now, its colours written out */
    const from = all(".graph").find(e => e.getBoundingClientRect().width) ?? one(".graph"), copy = from.cloneNode(true);
    const olds = [from, ...all("*", from)], news = [copy, ...all("*", copy)], gone = [];
    olds.forEach((old, k) => {
      const look = getComputedStyle(old), e = news[k];
      if (look.display === "none" || look.visibility === "hidden") gone.push(e);
      if (!old.closest(".wire path")) for (const name of LOOKS) e.setAttribute(name, look.getPropertyValue(name));
      for (const { name } of [...e.attributes]) if (/^(data-|class|tabindex|role|aria-)/.test(name)) e.removeAttribute(name);
    });
    gone.forEach(e => e.remove());
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [k, v] of Object.entries({ width: "100%", height: "100%", fill: getComputedStyle(one("#stage")).backgroundColor }))
      ground.setAttribute(k, v);
    copy.prepend(ground);
    return new XMLSerializer().serializeToString(copy);
  }

  function save(content, type, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  async function written(kind, name) {  /* a file that Python has written, deflated in the data */
    save((await inflated(data.files))[kind], "text/plain", name);
  }

  const EXPORTS = {
    svg: () => save(drawing(), "image/svg+xml", "graph.svg"),
    png: () => {
      const image = new Image();
      image.onload = () => {
        const canvas = document.createElement("canvas"), scale = Math.min(3, 8000 / Math.max(image.width, image.height));
        [canvas.width, canvas.height] = [image.width * scale, image.height * scale];
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob(blob => save(blob, "image/png", "graph.png"));
      };
      image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(drawing());
    },
    tex: () => written("tex", "graph.tex"),
    tikz: () => written("tikz", "graph.tikz.tex"),
    dot: () => written("dot", "graph.dot"),
    json: () => written("json", "graph.json"),
  };

  /* ── of a page that is served, another script asks for what is edited, and tells what was computed ── */

  async function replaced(html) {  /* the same formula keeps its step and its node, another is shown at its end */
    const page = new DOMParser().parseFromString(html, "text/html"), n = chosen, k = step;
    const formula = data.formula, ended = k === data.steps.length - 1;
    for (const part of ["main", "#data", "header .formula", "footer .track"]) one(part).replaceWith(document.adoptNode(one(part, page)));
    await load();
    const same = formula === data.formula && n < data.names.length;
    go(ended || !same ? Infinity : k);
    select(same ? n : data.chosen);
  }
  document.addEventListener("computed", event => replaced(event.detail));

  /* ── events ── */

  document.addEventListener("click", event => {
    const at = what => event.target.closest?.(what);
    if (at(".switch") && event.detail) document.activeElement.blur();  /* the arrow keys step again */
    const to = { first: 0, back: step - 1, next: step + 1, last: Infinity }[at(".keys button")?.id];
    if (to !== undefined) return go(to);
    if (at(".track [data-step]")) return go(+at("[data-step]").dataset.step);
    if (at("#dark, #palette")) return;
    if (at("[data-export]")) { EXPORTS[at("[data-export]").dataset.export](); at("details").open = false; return; }
    if (at("#whole")) {
      const whole = at("#whole").getAttribute("aria-pressed") !== "true";
      at("#whole").setAttribute("aria-pressed", whole);
      if (!one("#full").firstElementChild) unpack(one("#full"), data.full);
      one("#full").hidden = !whole;
      one("#folded").hidden = whole;
      show();
      return select(chosen);
    }
    if (!at(".menu")) all(".menu[open]").forEach(e => { e.open = false; });
    if (at("[data-n]:not(.panel)")) return select(+at("[data-n]").dataset.n);
  });
  document.addEventListener("keydown", event => {
    if (event.target.matches("input:not([type=radio]):not([type=range]), textarea, select") || event.ctrlKey || event.altKey || event.metaKey) return;
    const to = { ArrowRight: step + 1, ArrowLeft: step - 1, Home: 0, End: Infinity }[event.key];
    const node = (event.key === "Enter" || event.key === " ") && event.target.closest(".node, .lines li, .code span");
    if (event.key === "Escape") all(".menu[open]").forEach(e => { e.open = false; });
    else if (to !== undefined && !event.target.matches("input")) go(to);
    else if (node) select(+node.dataset.n);
    else return;
    event.preventDefault();
  });
  document.addEventListener("input", event => {
    if (event.target.id === "slide") go(+event.target.value);
    if (event.target.name === "language") caption();
  });
  document.addEventListener("mouseover", event => {
    const cell = event.target.closest?.(".outer [data-k=w]");
    if (cell) light(cell.closest("svg"), +cell.dataset.i, +cell.dataset.j);
  });

  load().then(() => {
    go(Infinity);
    select(data.chosen);
  });
})();
