"use strict";
/* The page of the tagger: sends the text, shows the names, and the reason of the one that is chosen. */
(() => {
  const root = document.documentElement;
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const one = (what, where = document) => where.querySelector(what);
  let ticket = 0, timer, first = one("#text")?.value;

  async function ask() {
    const mine = ++ticket;
    history.replaceState(null, "", "#" + new URLSearchParams({ model: one("#model").value, text: one("#text").value }));
    try {
      const reply = await fetch("/api/tag", { method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ model: +one("#model").value, text: one("#text").value }) });
      const told = await reply.json();
      if (mine !== ticket) return;
      one("#problem").textContent = told.error ?? "";
      if (told.error !== undefined) return;
      const page = new DOMParser().parseFromString(told.html, "text/html");
      one("#names").replaceChildren(...document.adoptNode(page.body).childNodes);
      choose((one("#names .name") ?? one("#names .word"))?.dataset.why);
    } catch { one("#problem").textContent = JSON.parse(one("#words").textContent).gone[root.lang]; }
  }

  function choose(why) {  /* its panel is shown, and the words of its windows are shaded by their shares */
    if (!why) return;
    const panel = one(`#why-${CSS.escape(why)}`);
    all(".reason").forEach(e => { e.hidden = e !== panel; });
    all(".word").forEach(e => e.setAttribute("aria-pressed", e.dataset.why === why));
    all("[data-t]").forEach(e => { e.className = ""; });
    const words = one(".words", panel.closest(".sentence"));
    for (const part of panel.dataset.shades.split(" ").filter(Boolean)) {
      const [t, shade] = part.split(":");
      one(`[data-t="${t}"]`, words).className = "shade" + shade;
    }
  }

  document.addEventListener("input", event => {
    if (event.target.id === "text") { clearTimeout(timer); timer = setTimeout(ask, 250); }
    if (event.target.id === "model") {
      const now = event.target.selectedOptions[0].dataset.first;
      if (one("#text").value === first) one("#text").value = first = now;
      ask();
    }
  });
  document.addEventListener("click", event => {
    const at = what => event.target.closest?.(what);
    if (at(".word")) choose(at(".word").dataset.why);
  });

  if (one("#text")) {
    const told = new URLSearchParams(location.hash.slice(1));
    if (told.has("text")) one("#text").value = told.get("text");
    if (told.has("model") && one(`#model option[value="${CSS.escape(told.get("model"))}"]`)) one("#model").value = told.get("model");
    ask();
  }
})();
