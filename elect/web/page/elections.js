// The list of elections, of which only the visible rows exist. With many, the node is asked for a part of them.

const PAGE = 100;
const BEYOND = 6;
const MOVES = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

const list = {
  search: "",
  leaderless: false,
  pages: new Map(), // names, by the number of the page
  asked: new Set(), // numbers of the pages that were asked for since the last change
  generation: 0, // an answer to an earlier one is not used
  matched: 0,
  chosen: 0,
  name: null, // of the chosen one, once a person has chosen
};

function matching() {
  const part = list.search.toLowerCase();
  const isMatch = row => (!list.leaderless || !row.leader) &&
    (row.name.toLowerCase().includes(part) || row.leader === list.search);
  const rows = model.report.elections.first.map(name => model.rows.get(name)).filter(row => row && isMatch(row));
  return rows.sort((a, b) => !!a.leader - !!b.leader || (a.name < b.name ? -1 : 1)).map(row => row.name);
}

const nameAt = index => list.pages.get(Math.floor(index / PAGE))?.[index % PAGE];

function showElections() {
  byId("elections").hidden = isOnly();
  const { total, first } = model.report.elections;
  if (isLocal()) {
    const names = matching();
    list.pages = new Map([[0, names]]);
    list.matched = names.length;
    if (names.includes(list.name)) list.chosen = names.indexOf(list.name);
  } else if (!list.search && !list.leaderless) {
    // Each report has the beginning of the list, where those without a leader are.
    const rest = (list.pages.get(0) ?? []).filter(name => !first.includes(name));
    list.pages.set(0, [...first, ...rest].slice(0, PAGE));
    list.matched = total;
  }
  showRows();
}

// What was fetched may be old. It stays in sight until the new answer is there.
function fetchAgain() {
  list.generation += 1;
  list.asked.clear();
  showRows();
}

async function fetchPage(number) {
  if (isLocal() || list.asked.has(number) || document.hidden) return;
  list.asked.add(number);
  const { generation } = list;
  const part = { search: list.search, leaderless: Number(list.leaderless), offset: number * PAGE, limit: PAGE };
  try {
    const answer = await fetch(`elections?${new URLSearchParams(part)}`, { cache: "no-store" });
    const found = answer.ok ? await answer.json() : {};
    if (!found.elections) throw new Error(answer.statusText);
    if (generation !== list.generation) return;
    found.elections.forEach(row => keepRow(row, found.now));
    list.pages.set(number, found.elections.map(row => row.name));
    list.matched = found.matched;
    showRows();
    showChosen();
  } catch {
    setTimeout(() => list.asked.delete(number), 2000);
  }
}

function search() {
  list.search = byId("search").value.trim();
  list.leaderless = byId("leaderless").checked;
  list.pages.clear();
  list.chosen = 0;
  list.name = null;
  byId("rows").scrollTop = 0;
  fetchAgain();
  showElections();
  showChosen();
}

function showRows() {
  const box = byId("rows");
  const height = parseFloat(getComputedStyle(box).getPropertyValue("--row"));
  const total = list.matched;
  box.style.setProperty("--count", Math.max(1, total));
  const from = Math.max(0, Math.floor(box.scrollTop / height) - BEYOND);
  const to = Math.min(total, Math.ceil((box.scrollTop + box.clientHeight) / height) + BEYOND);
  for (let page = Math.floor(from / PAGE); page * PAGE < to || page === 0; page++) fetchPage(page);
  const rows = [];
  for (let index = from; index < to; index++) rows.push(rowAt(index, height));
  const isFiltered = list.search || list.leaderless;
  if (!total) rows.push(h("p", { class: "empty" }, isFiltered ? "No election matches." : "No election yet."));
  show(box, h("div", { class: "whole", role: "rowgroup" }, rows));
  box.setAttribute("aria-rowcount", total);
  box.setAttribute("aria-activedescendant", `row-${list.chosen}`);
  show(byId("matched"), isFiltered ? `${count(total)} of ${count(model.report.elections.total)}` : "");
  tick();
}

function rowAt(index, height) {
  const name = nameAt(index);
  const row = model.rows.get(name);
  const isChosen = list.name === null ? index === list.chosen : name === list.name;
  const state = !row ? "" : !row.leader ? vacant() : row.is_leader ? "here" : "other";
  const cell = (kind, ...content) => h("span", { role: "gridcell", class: kind }, ...content);
  const place = {
    id: `row-${index}`, role: "row", class: `row ${state}`, "aria-rowindex": index + 1, "aria-selected": isChosen,
    style: { top: `${index * height}px` }, onclick: () => choose(index),
  };
  if (!row) return h("div", place, cell("quiet", name ?? "…"));
  return h("div", place,
    cell("name", sign(row.role === "candidate" ? "candidate" : state), " ", row.name),
    cell("leader", row.leader ?? "nobody"),
    cell("term", h("small", {}, "term "), row.leader ? row.leader_term : row.term),
    cell("since", row.leader && row.since !== null ? since(row.since) : null),
    cell("lease", leaseOf(row)));
}

// The first rows are in each report. Beyond them, the support of a quorum is the most that a lease can have.
function leaseOf(row) {
  const { now, supported_for: supported, support_duration: whole } = model.report;
  if (row.why_no_leader) {
    return h("span", { class: `why ${vacant()}`, title: row.why_no_leader.text }, row.why_no_leader.text);
  }
  if (!row.is_leader) return h("small", {}, `lease is held by ${row.leader}`);
  const isFresh = row.at >= now;
  const at = isFresh ? row.lease : supported === null ? null : now + supported;
  return [h("small", {}, isFresh ? "lease " : "lease at most ", until(at)), bar(at, whole, "lease")];
}

function choose(index) {
  const box = byId("rows");
  list.chosen = Math.max(0, Math.min(list.matched - 1, index));
  list.name = nameAt(list.chosen) ?? null;
  const height = parseFloat(getComputedStyle(box).getPropertyValue("--row"));
  const top = list.chosen * height;
  box.scrollTop = Math.max(top + height - box.clientHeight, Math.min(top, box.scrollTop));
  showRows();
  showChosen();
}

function listenToPerson() {
  let waiting = 0;
  byId("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 150);
  });
  byId("leaderless").addEventListener("change", search);
  byId("rows").addEventListener("scroll", () => requestAnimationFrame(showRows), { passive: true });
  byId("rows").addEventListener("keydown", event => {
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    choose(list.chosen + MOVES[event.key]);
  });
  addEventListener("keydown", event => {
    if (event.key !== "/" || event.target.matches("input")) return;
    event.preventDefault();
    byId("search").focus();
  });
  addEventListener("resize", () => model.report && showRows());
}
