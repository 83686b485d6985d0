// What is known about the node. Events change it; the rest of the page only reads it.

const CHANGES_MAX = 256;
const CHANGES_OF_STATE = 128; // as many as the node sends at first
const ROWS_MAX = 2000;
const KEPT = new Set(["leader", "lost", "failback", "member", "peer"]);

const model = {
  report: null, // the latest report
  rows: new Map(), // elections by name, as far as they were received
  all: null, // the names of all elections, if the state had them all
  changes: [], // the latest changes, the oldest first
  areChangesCut: false, // whether there were more before them
  lastId: "",
  receivedAt: 0, // when the browser got the report
  stoppedAt: null, // the node's clock when the last event came, if none comes any more
  connection: "connecting",
};

// The node's clock, as it is now if no time has passed on the way.
function nodeNow() {
  if (model.report?.now === undefined) return 0;
  return model.stoppedAt ?? model.report.now + (performance.now() - model.receivedAt) / 1000;
}

const timeOfDay = at => new Date(Date.now() - (nodeNow() - at) * 1000).toLocaleTimeString([], { hour12: false });

// Whether all elections are in the report, so that the page need not ask for more.
const isLocal = () => model.report.elections.total <= model.report.elections.first.length;

// With one election there is no list: all is said about that one.
const isOnly = () => model.report.elections.total === 1;

// A standby cluster and a sealed one have no leader, and nothing is wrong with that.
const clusterState = () => model.report.membership?.state ?? "active";
const vacant = () => (clusterState() === "active" ? "none" : "idle");

function keepRow(row, now) {
  if (model.rows.size > ROWS_MAX && !model.rows.has(row.name)) model.rows.clear();
  const lease = row.lease_remaining === null ? null : now + row.lease_remaining;
  model.rows.set(row.name, { ...row, at: now, lease });
}

function receiveReport(report) {
  const { elections } = report;
  for (const row of elections.first) keepRow(row, report.now);
  elections.first = elections.first.map(row => row.name);
  if (model.all?.length === elections.total) {
    elections.first = [...new Set([...elections.first, ...model.all])];
  }
  model.report = { peers: [], now: nodeNow(), ...report };
  model.receivedAt = performance.now();
  model.stoppedAt = null;
}

function receiveState(state) {
  model.all = null;
  model.changes = [];
  receiveReport(state);
  model.all = isLocal() ? state.elections.first : null;
  state.changes.forEach(noteChange);
  model.areChangesCut = state.changes.length >= CHANGES_OF_STATE;
}

function receiveChange(change) {
  noteChange(change);
  const row = model.rows.get(change.election);
  if (!row || change.boottime < row.at) return;
  row.at = change.boottime;
  if (change.event === "lost") Object.assign(row, { is_leader: false, lease: change.boottime });
  if (change.event !== "leader") return;
  Object.assign(row, {
    leader: change.leader,
    leader_term: change.term,
    term: Math.max(row.term, change.term),
    since: change.boottime,
    is_leader: change.leader === model.report.node,
    why_no_leader: change.leader ? null : { text: "the leader is gone, and the next one is not elected yet" },
  });
}

function noteChange(change) {
  if (!KEPT.has(change.event)) return;
  model.changes.push(change);
  if (model.changes.length <= CHANGES_MAX) return;
  model.changes.shift();
  model.areChangesCut = true;
}

// The leaderships of all elections that the known changes tell of, in the order of their beginnings.
function leaderships() {
  const latest = new Map();
  const losses = new Map();
  const found = [];
  for (const { event, election, leader, term, boottime, reason, end } of model.changes) {
    if (event === "lost") losses.set(`${election} ${term}`, reason);
    if (event !== "leader") continue;
    const former = latest.get(election) ?? null;
    if (former?.leader === leader && former.term === term && former.until === null) continue;
    if (former?.until === null) {
      former.until = boottime;
      former.end = losses.get(`${election} ${former.term}`) ?? end;
    }
    if (leader === null) continue;
    const begun = { election, leader, term, from: boottime, until: null, end: null, former };
    latest.set(election, begun);
    found.push(begun);
  }
  return found;
}

// The latest changes of the elections that have no leader now.
function vacancies() {
  const found = new Map();
  for (const change of model.changes) {
    if (change.event !== "leader") continue;
    if (change.leader === null) found.set(change.election, change);
    else found.delete(change.election);
  }
  return [...found.values()];
}
