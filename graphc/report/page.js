"use strict";
(() => {
  const all = (query, within = document) => [...within.querySelectorAll(query)];
  const body = document.querySelector(".layers tbody");
  const headings = all(".layers th");
  const search = document.getElementById("search");
  const found = document.getElementById("found");

  // Sorting: by number or text; once more turns it round.
  const keyOf = (row, column, kind) => {
    const text = row.cells[column].dataset.sort;
    return kind === "number" ? Number(text) : text.toLowerCase();
  };
  const sortBy = (column, downwards) => {
    const kind = headings[column].dataset.kind;
    const rows = all("tr", body).map((row) => [keyOf(row, column, kind), row]);
    rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (downwards ? -1 : 1));
    body.append(...rows.map(([, row]) => row));
    headings.forEach((heading) => heading.removeAttribute("aria-sort"));
    headings[column].setAttribute("aria-sort", downwards ? "descending" : "ascending");
  };
  headings.forEach((heading, column) => {
    const turn = () => {
      const now = heading.getAttribute("aria-sort");
      sortBy(column, now ? now === "ascending" : heading.dataset.kind === "number");
    };
    heading.addEventListener("click", turn);
    heading.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        turn();
      }
    });
  });

  // Searching: rows, passes and lines that hold all words stay.
  const searched = all(".layers tbody tr, .pass, .graph tbody tr");
  const texts = new Map(searched.map((one) => [one, one.textContent.toLowerCase()]));
  const find = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const [one, text] of texts) {
      one.hidden = !words.every((word) => text.includes(word));
      count += !one.hidden;
    }
    found.textContent = words.length ? `${count} of ${searched.length}` : "";
  };
  search.addEventListener("input", find);

  // A layer's row and its lines in the graph lead to each other.
  const show = (layer, query) => {
    all(".here").forEach((one) => one.classList.remove("here"));
    const same = all("[data-layer]").filter((one) => layer !== "" && one.dataset.layer === layer);
    same.forEach((one) => one.classList.add("here"));
    const target = same.find((one) => one.matches(query));
    if (target) target.scrollIntoView({ block: "center" });
  };
  document.addEventListener("click", (event) => {
    const line = event.target.closest(".graph td[data-layer]");
    const jump = event.target.closest(".jump");
    const place = event.target.closest("[data-to]");
    if (!line && !jump && !place) return;
    event.preventDefault();
    if (line) show(line.dataset.layer, ".layers tr");
    else if (jump) show(jump.closest("tr").dataset.layer, ".graph td");
    else show(place.dataset.to, ".layers tr");
  });

  // A view can be linked to: page.html#sort=Share&find=conv
  const wanted = new URLSearchParams(location.hash.slice(1));
  const column = headings.findIndex((one) => one.textContent === wanted.get("sort"));
  if (column >= 0) sortBy(column, headings[column].dataset.kind === "number");
  if (wanted.has("find")) {
    search.value = wanted.get("find");
    find();
  }
  document.documentElement.dataset.ready = "yes";
})();
