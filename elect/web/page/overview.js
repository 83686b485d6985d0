// The summary at the top, and the panels about nodes, members, clients and mirrors.

const MATRIX_MAX = 12;
const INACTIVE = {
  standby: "A standby cluster: nobody leads before it is promoted",
  sealed: "A sealed cluster: nobody leads any more",
};
const PARTS = { voter: "votes", witness: "votes, never leads", learner: "learns, is to vote", observer: "observes" };

const only = () => (isOnly() ? model.rows.get(model.report.elections.first[0]) ?? null : null);

function showOverview() {
  const { report } = model;
  show(byId("title"), quiet(report.cluster, " / "), report.node);
  document.title = `${report.node} – ${report.cluster}`;
  show(byId("summary"), headline(report), h("dl", { class: "facts" }, facts(report)));
  const found = problems(report);
  byId("alarms").hidden = found.length === 0;
  show(byId("alarms"), found.map(text => h("p", {}, sign("none"), ` ${text}`)));
  show(byId("side"), nodesPanel(report), supportPanel(report), membersPanel(report), aroundPanel(report));
}

function headline(report) {
  const [kind, ...content] = verdict(report);
  const isBad = kind === "none" || kind === "bad";
  return h("p", { class: isBad ? "headline bad" : "headline" }, sign(kind), " ", ...content);
}

function verdict(report) {
  const { total, leaderless } = report.elections;
  if (model.connection === "stopped") return ["bad", `${report.node} has ${report.state}`];
  if (!report.voters) return ["bad", `${report.node} does not answer`];
  const inactive = leaderless === total ? INACTIVE[clusterState()] : null;
  if (inactive) return ["idle", inactive];
  const row = only();
  const name = row && row.name !== "default" ? quiet(` ${row.name}`) : null;
  if (row && !row.leader) return ["none", "Nobody leads", name];
  if (row) return [row.is_leader ? "here" : "other", h("strong", { id: "leader" }, row.leader), " leads", name];
  if (leaderless) return ["none", `${count(leaderless)} of ${plural(total, "election")} without a leader`];
  return ["good", `${plural(total, "election")}, each with a leader`];
}

const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));

function facts(report) {
  const row = only();
  const found = [];
  if (row) {
    found.push(fact("term", count(row.leader ? row.leader_term : row.term)));
    if (row.leader && row.since !== null) found.push(fact("known since", since(row.since)));
    if (row.is_leader) found.push(fact("lease", until(row.lease), bar(row.lease, report.support_duration, "lease")));
  } else found.push(fact("led here", count(report.elections.led)));
  const voters = report.voters ?? [];
  const supporters = report.peers.filter(peer => peer.is_supported).length + voters.includes(report.node);
  const quorum = [sign(report.has_quorum ? "good" : "none"), ` ${supporters} of ${voters.length}`];
  found.push(fact("quorum", ...quorum, h("small", {}, `needs ${report.quorum ?? "–"}`)));
  found.push(fact("this node", report.state === "running" ? report.lifecycle : report.state));
  return found;
}

function problems(report) {
  const { node, loop_lag: lag } = report;
  const found = Object.values(report.doubled ?? {});
  for (const name of report.dead_threads ?? []) found.push(`the thread ${name} has died`);
  if (report.is_storing === false) found.push(`${node} cannot write to its data_dir`);
  if (report.is_healthy === false) found.push(`the health function of ${node} fails or is late`);
  if (report.is_paused) found.push(`${node} is paused: it is no candidate until it is resumed`);
  if (report.is_disputed) found.push("the nodes disagree on who votes");
  if (lag > report.support_duration) found.push(`${node} is late by ${duration(lag)}`);
  for (const peer of report.peers) {
    if (peer.objection) found.push(`${peer.node} objects to ${node}: ${words(peer.objection)}`);
  }
  return found;
}

const panel = (id, title, note, ...content) =>
  h("section", { class: "panel", id, "aria-label": title },
    h("div", { class: "bar-of-panel" }, h("h2", {}, title), quiet(note)), ...content);

const heads = names => h("thead", {}, h("tr", {}, names.map(name => h("th", { scope: "col" }, name))));

function nodesPanel(report) {
  const supported = report.supported_for === null ? null : report.now + report.supported_for;
  const self = h("tr", {}, nameCell(report, "this node", true),
    h("td", { colspan: "3", class: "quiet" }, "supported by a quorum for ", until(supported)));
  const table = h("table", {}, heads(["node", "heard", "round trip", "supports it for"]),
    h("tbody", {}, self, report.peers.map(peer => peerRow(report, peer))));
  return panel("nodes", "Nodes", `as ${report.node} sees them`, h("div", { class: "scroll" }, table));
}

function peerRow(report, peer) {
  const end = report.now + peer.supported_for;
  const support = [until(end), bar(end, report.support_duration, "support")];
  return h("tr", {}, nameCell(peer, linkOf(peer), linkOf(peer) === "connected"),
    h("td", {}, peer.last_heard === null ? "never" : ago(report.now - peer.last_heard)),
    h("td", {}, duration(peer.round_trip)),
    h("td", {}, peer.is_supported ? support : [sign("none"), " no"]));
}

function linkOf(peer) {
  if (peer.is_leaving) return "said that it stops";
  if (peer.is_suspect) return "silent";
  return peer.is_accepted ? "connected" : "not connected";
}

function nameCell(node, state, isGood) {
  const tag = ([name, value]) => h("span", { class: "tag" }, `${name} = ${value}`);
  return h("th", { scope: "row" }, h("strong", {}, node.node), " ",
    h("small", isGood ? {} : { class: "bad" }, isGood ? state : `▲ ${state}`),
    h("small", { class: "address" }, node.address ?? "no address"), Object.entries(node.metadata).map(tag));
}

// One row for each node: whom it supports, by its own latest heartbeat.
function supportPanel(report) {
  if (!report.peers.length) return null;
  const nodes = [report.node, ...report.peers.map(peer => peer.node)].sort();
  const supported = supportOf(report);
  const cell = (from, to) => {
    if (from === to) return h("td", { class: "same" });
    if (supported.get(from) === null) return h("td", { class: "quiet" }, "?");
    const [word, kind] = supported.get(from).has(to) ? ["yes", "good"] : ["no", "none"];
    return h("td", {}, h("span", { class: "unseen" }, word), sign(kind));
  };
  const line = from => h("tr", {}, h("th", { scope: "row" }, from), nodes.map(to => cell(from, to)));
  const matrix = () => h("table", { class: "matrix" }, heads(["", ...nodes]), h("tbody", {}, nodes.map(line)));
  const namesOf = from => [...(supported.get(from) ?? ["?"])].join(" ") || "nobody";
  const lines = () => h("dl", {}, nodes.map(from => fact(from, namesOf(from))));
  return panel("support", "Who supports whom", "the node of a row, those of the columns",
    h("div", { class: "scroll" }, nodes.length <= MATRIX_MAX ? matrix() : lines()));
}

// The nodes that each node supports; null for a node of which nothing is heard.
function supportOf({ node, peers }) {
  const found = new Map([[node, new Set(peers.filter(peer => peer.is_supporting).map(peer => peer.node))]]);
  for (const peer of peers) {
    found.set(peer.node, peer.is_suspect ? null : new Set([...peer.supports, ...(peer.is_supported ? [node] : [])]));
  }
  return found;
}

function membersPanel(report) {
  const found = report.membership;
  if (!found) return null;
  const waiting = text => h("span", { class: "wait" }, sign("wait"), ` ${text}`);
  const member = each => h("li", {}, h("strong", {}, each.node), ` ${PARTS[each.state] ?? each.state} `,
    each.state === each.kind ? null : h("span", { class: "tag" }, `to be ${each.kind}`),
    each.is_self ? h("span", { class: "tag" }, report.lifecycle) : null,
    each.has_installed ? null : waiting("has not installed this configuration"),
    each.lacks ? waiting(each.lacks) : null);
  const note = found.pending ? `next change: ${found.pending}` : `configuration ${found.term}.${found.version}`;
  return panel("members", "Members", note, h("ul", { class: "plain" }, found.members.map(member)));
}

function aroundPanel(report) {
  const mirrors = report.mirrors ?? [];
  const mirror = each => h("li", {}, Object.entries(each).filter(([, value]) => !(value instanceof Object))
    .map(([name, value]) => h("span", { class: "tag" }, `${words(name)}: ${value ?? "–"}`)));
  const known = [
    fact("clients", count(report.clients.count), h("small", {}, `of ${count(report.clients.max)}`)),
    fact("mirrors", count(mirrors.length)),
    fact("delay", duration(report.loop_lag)),
    fact("inbox", count(report.inbox)),
    fact("starts", count(report.incarnation ?? 0)),
  ];
  return panel("around", "Clients and mirrors", "", h("dl", { class: "facts small" }, known),
    mirrors.length ? h("ul", { class: "plain" }, mirrors.map(mirror)) : null);
}
