// The chosen election, its timeline, and the latest changes of all.

const SECONDS_MIN = 60;
const LEADERSHIPS_SHOWN = 8;
const CHANGES_SHOWN = 14;
const GROUP_SECONDS = 2;

// How a leadership ended: the words after "which".
const ENDS = {
  resigned: "resigned", transferred: "handed over", paused: "was paused", stopped: "was stopped",
  withdrawn: "left the election", sealed: "was sealed",
  closed: "lost it: its process ended", silent: "lost it: nothing was heard from it",
  superseded: "lost it: another node was elected", lease_lapsed: "lost it: its lease ran out",
  unhealthy: "lost it: its health check failed", work_failed: "lost it: its work failed",
  no_lease: "lost it: no quorum followed it", configuration: "lost it: the members changed",
};
const DONE = {
  add: "is a member now", remove: "is no member any more", promote: "votes now", demote: "only observes now",
  replace: "is replaced", name: "has an id now",
};

function showChosen() {
  const row = model.rows.get(list.name ?? nameAt(list.chosen));
  byId("chosen").hidden = !row;
  if (!row) return;
  const led = leaderships().filter(each => each.election === row.name);
  const note = row.is_standing ? "" : `${model.report.node} is no candidate`;
  const known = [
    fact("leader", row.leader ?? "nobody"), fact("term", row.leader ? row.leader_term : row.term),
    fact("role here", row.role), fact("voted for", row.voted_for ?? "nobody"),
    row.is_leader ? fact("followers", row.followers.join(" ") || "none") : null,
  ];
  show(byId("chosen"), h("div", { class: "bar-of-panel" }, h("h2", {}, row.name), quiet(note)),
    row.why_no_leader ? h("p", { class: `why ${vacant()}` }, sign(vacant()), ` ${row.why_no_leader.text}`) : null,
    h("dl", { class: "facts small" }, known), timeline(row, led),
    isOnly() ? null : entries(led.slice(-LEADERSHIPS_SHOWN).reverse().map(each => leadershipEntry(each, false))));
}

function timeline(row, led) {
  const now = nodeNow();
  const present = { leader: row.leader, term: row.leader_term, from: row.since, until: null };
  const known = led.length || !row.leader || row.since === null ? led : [present];
  if (!known.length) return null;
  const begin = Math.min(known[0].from, now - SECONDS_MIN);
  const percent = seconds => `${(100 * seconds) / (now - begin)}%`;
  const part = each => {
    const seconds = (each.until ?? now) - each.from;
    return h("i", {
      class: each.until === null ? "now" : "", title: `${each.leader}, term ${each.term}, ${duration(seconds)}`,
      style: { left: percent(each.from - begin), width: percent(seconds) },
    });
  };
  const lane = node => h("div", { class: "lane" }, h("b", {}, node),
    h("div", {}, known.filter(each => each.leader === node).map(part)));
  const label = `The nodes that led in the last ${duration(now - begin)}; the list of changes has the same`;
  return h("div", { class: "timeline", role: "img", "aria-label": label },
    [...new Set(known.map(each => each.leader))].sort().map(lane),
    h("div", { class: "scale" }, h("span", {}, `${duration(now - begin)} ago`), h("span", {}, "now")));
}

const entry = ([at, ...content]) => h("li", {}, h("time", {}, timeOfDay(at)), h("span", {}, ...content));
const entries = found => h("ol", { class: "changes" }, found.map(entry));

// The end of the leadership before, and the time without a leader, as far as this node saw them.
function endOfFormer({ former, from }) {
  if (!former) return null;
  const end = former.end === null ? "" : `, which ${ENDS[former.end] ?? words(former.end)}`;
  const gap = from > former.until ? `; ${duration(from - former.until)} without a leader` : "";
  return h("small", {}, `after ${former.leader}${end}${gap}`);
}

function leadershipEntry(each, isNamed) {
  const does = each.until === null ? "leads" : `led for ${duration(each.until - each.from)}`;
  const name = isNamed ? quiet(`${each.election} `) : null;
  return [each.from, name, h("strong", {}, each.leader), ` ${does}, term ${each.term}`, endOfFormer(each)];
}

function otherEntry({ event, boottime, ...change }) {
  const strong = text => h("strong", {}, text);
  if (event === "peer") {
    return [boottime, strong(change.peer), change.supported ? " supports this node" : " no longer supports this node"];
  }
  if (event === "failback") {
    return [boottime, quiet(`${change.election} `), "is handed back to ", strong(change.successor)];
  }
  const { term, version } = change.configuration;
  return [boottime, strong(change.member ?? "the cluster"), ` ${DONE[change.change] ?? change.change}`,
    h("small", {}, `configuration ${term}.${version}`)];
}

// A node that fails hands over many elections at once: they are one entry.
function grouped(led) {
  const groups = [];
  for (const each of led) {
    const [last] = groups.at(-1) ?? [];
    const isSame = last?.leader === each.leader && last.former?.leader === each.former?.leader;
    if (isSame && last.from - each.from < GROUP_SECONDS) groups.at(-1).push(each);
    else groups.push([each]);
  }
  return groups;
}

function groupEntry(group, index, groups) {
  const [each] = group;
  const isCut = model.areChangesCut && index === groups.length - 1; // the oldest one may have begun before
  if (group.length === 1) return leadershipEntry(each, !isOnly());
  const names = group.slice(0, 3).map(({ election }) => election).join(", ");
  const number = `${isCut ? "at least " : ""}${plural(group.length, "election")}`;
  return [each.from, h("strong", {}, each.leader), ` leads ${number}`, endOfFormer(each),
    h("small", {}, group.length > 3 ? `${names}, …` : names)];
}

function vacancyEntries() {
  const vacant = vacancies();
  if (!vacant.length) return [];
  const { boottime, end } = vacant.at(-1);
  const why = end ? h("small", {}, `the leader before ${ENDS[end] ?? words(end)}`) : null;
  const what = isOnly() ? " leads" : ` leads ${plural(vacant.length, "election")}`;
  return [[boottime, h("strong", {}, "nobody"), what, why]];
}

function showChanges() {
  const led = leaderships().reverse();
  const others = model.changes.filter(({ event }) => event !== "leader" && event !== "lost").map(otherEntry);
  const groups = isOnly() ? led.map(each => [each]) : grouped(led);
  const found = [...groups.map(groupEntry), ...vacancyEntries(), ...others];
  const latest = found.sort((a, b) => b[0] - a[0]).slice(0, CHANGES_SHOWN);
  show(byId("change-list"), latest.length ? entries(latest) : h("p", { class: "empty" }, "Nothing has changed yet."));
}
