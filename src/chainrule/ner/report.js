"use strict";
const all = selector => [...document.querySelectorAll(selector)];

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
