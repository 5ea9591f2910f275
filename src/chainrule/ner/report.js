"use strict";
const root = document.documentElement;
const all = selector => [...document.querySelectorAll(selector)];
const kept = name => { try { return localStorage.getItem("chainrule-" + name); } catch { return null; } };
const keep = (name, value) => { try { localStorage.setItem("chainrule-" + name, value); } catch {} };

/* dark and colour-blind colours, remembered; the switch of languages needs no script */
const dark = document.getElementById("dark"), palette = document.getElementById("pal");
const system = matchMedia("(prefers-color-scheme:dark)");
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
const pressed = () => {
  dark.setAttribute("aria-pressed", isDark());
  palette.setAttribute("aria-pressed", root.dataset.pal === "cvd");
};
root.classList.add("script");
if (kept("theme")) root.dataset.theme = kept("theme");
if (kept("pal")) root.dataset.pal = kept("pal");
dark.onclick = () => { keep("theme", root.dataset.theme = isDark() ? "light" : "dark"); pressed(); };
palette.onclick = () => { keep("pal", root.dataset.pal = root.dataset.pal === "cvd" ? "" : "cvd"); pressed(); };
system.addEventListener("change", pressed);
for (const choice of all("input[name=language]")) choice.onchange = () => { root.lang = choice.value; };
pressed();

/* an epoch lights up in every chart and in the table */
const light = epoch => {
  for (const part of all("[data-epoch]")) part.classList.toggle("on", part.dataset.epoch === epoch);
};
for (const part of all("[data-epoch]")) {
  part.onpointerenter = () => light(part.dataset.epoch);
  part.onpointerleave = () => light("");
}

/* a cell of the matrix opens its sentences */
const open = id => {
  const group = document.getElementById(id);
  if (group?.tagName !== "DETAILS") return;
  group.open = true;
  group.scrollIntoView({ block: "start" });
  group.querySelector("summary").focus({ preventScroll: true });
};
addEventListener("hashchange", () => open(location.hash.slice(1)));
for (const cell of all(".heat a")) cell.addEventListener("click", () => open(cell.getAttribute("href").slice(1)));
open(location.hash.slice(1));
