"use strict";
function value(text) {
  const number = parseFloat(text.replace(/[≈,[]/g, ""));
  return Number.isNaN(number) ? null : number;
}
function sort(head) {
  const table = head.closest("table");
  const column = Array.from(head.parentNode.children).indexOf(head);
  const body = table.tBodies[0];
  const rows = Array.from(body.rows).map((row) => [row.cells[column].textContent.trim(), row]);
  const numeric = rows.some(([, row]) => row.cells[column].classList.contains("number"));
  const before = head.getAttribute("aria-sort");
  const down = before ? before === "ascending" : numeric;
  const absent = (text) => (numeric ? value(text) === null : text === "" || text === "–");
  rows.sort(([a], [b]) => {
    if (absent(a) || absent(b)) return absent(a) - absent(b);
    const order = numeric ? value(a) - value(b) : a.localeCompare(b, "en", { numeric: true });
    return down ? -order : order;
  });
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...rows.map(([, row]) => row));
}
function addFilter(scroll) {
  const rows = Array.from(scroll.querySelectorAll("tbody tr"));
  const field = Object.assign(document.createElement("input"), { type: "search", placeholder: "filter rows" });
  field.setAttribute("aria-label", "filter rows");
  const count = Object.assign(document.createElement("output"), { textContent: `${rows.length} rows` });
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  });
  const line = document.createElement("p");
  line.className = "filter";
  line.append(field, count);
  scroll.before(line);
}
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => sort(button.closest("th")));
}
for (const scroll of document.querySelectorAll(".scroll.long")) addFilter(scroll);
for (const chart of document.querySelectorAll(".chart")) {
  const spec = JSON.parse(chart.querySelector("script").textContent);
  const options = { actions: false, renderer: "svg", ast: true, mode: "vega" };
  window.vegaEmbed(chart.querySelector(".vega"), spec, options).catch((error) => {
    chart.querySelector(".vega").textContent = `This chart could not be drawn: ${error.message}`;
    console.error(error);
  });
}
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
