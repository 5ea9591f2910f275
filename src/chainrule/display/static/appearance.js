"use strict";
/* Language, darkness and palette of a page: chosen by its switches, remembered for every page. */
(() => {
  const root = document.documentElement;
  const one = what => document.querySelector(what);
  const store = {
    get: name => { try { return localStorage.getItem("chainrule." + name); } catch { return null; } },
    set: (name, value) => { try { localStorage.setItem("chainrule." + name, value); } catch { /* a page without a memory */ } },
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;

  function told() {
    root.lang = one("input[name=language]:checked")?.value ?? root.lang;
    one("#dark").setAttribute("aria-pressed", isDark());
    one("#palette").setAttribute("aria-pressed", root.dataset.pal === "cvd");
  }
  document.addEventListener("click", event => {
    const button = event.target.closest?.("#dark, #palette");
    if (!button) return;
    if (button.id === "dark") store.set("theme", root.dataset.theme = isDark() ? "light" : "dark");
    else store.set("palette", root.dataset.pal = root.dataset.pal === "cvd" ? "" : "cvd");
    told();
  });
  document.addEventListener("input", event => {
    if (event.target.name !== "language") return;
    store.set("language", event.target.value);
    told();
  });
  system.addEventListener("change", told);

  const theme = store.get("theme"), palette = store.get("palette"), spoken = store.get("language");
  if (theme) root.dataset.theme = theme;
  if (palette) root.dataset.pal = palette;
  const choice = spoken && one(`input[name=language][value="${CSS.escape(spoken)}"]`);
  if (choice) choice.checked = true;
  root.classList.add("script");
  told();
})();
