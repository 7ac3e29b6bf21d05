"use strict";
// Without this script all interactions are shown, and the filters aren't.
const filters = document.querySelector(".filters");
const interactions = [...document.querySelectorAll(".matrix tbody[data-outcome]")];

function apply() {
  const wanted = Object.fromEntries(new FormData(filters));
  const text = wanted.text.trim().toLowerCase();
  let shown = 0;
  for (const each of interactions) {
    const fits = ["consumer", "provider", "transport", "outcome"].every(
      (name) => !wanted[name] || each.dataset[name] === wanted[name],
    );
    each.hidden = !(fits && each.textContent.toLowerCase().includes(text));
    shown += !each.hidden;
  }
  filters.querySelector("output").textContent = `${shown} of ${interactions.length} shown`;
}

filters.addEventListener("input", apply);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.hidden = false;
apply();
