"use strict";
function value(text) {
  const number = parseFloat(text.replace(/[≈,]/g, ""));
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
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => sort(button.closest("th")));
}
