// The connection: events in, a new try when it ends, and the clock that moves the times on the page.

const RETRY_MS = 1000;
const RETRY_MS_MAX = 8000;
const SILENCE_MS = 4000;
const TICK_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 100;
const SPEECH_MS = 500;
const SAID_MAX = 3;

const CONNECTIONS = {
  connecting: ["wait", "connecting"], live: ["good", "live"], silent: ["none", "no news"],
  lost: ["bad", "no connection, reconnecting"], stopped: ["bad", "stopped, reconnecting"],
};

let retryMs = RETRY_MS;
let heardAt = 0;
let isShowing = false;
let refetch = 0;
let speaking = 0;
let unsaid = [];

function showConnection(state) {
  if (state === "stopped" || state === "lost") model.stoppedAt ??= nodeNow();
  model.connection = state;
  document.body.dataset.connection = state;
  const [kind, text] = CONNECTIONS[state];
  show(byId("connection"), sign(kind), ` ${text}`);
}

function showAll() {
  isShowing = false;
  if (!model.report) return;
  showOverview();
  showElections();
  showChosen();
  showChanges();
  tick();
}

// Many changes come at once: they are shown together, in the next frame. A page that is not seen has no frames.
function showSoon() {
  if (isShowing) return;
  isShowing = true;
  if (document.hidden) setTimeout(showAll, TICK_MS);
  else requestAnimationFrame(showAll);
}

// Many pages hear the same: they do not ask at the same time.
function fetchSoon() {
  if (isLocal() || refetch) return;
  refetch = setTimeout(() => {
    refetch = 0;
    fetchAgain();
  }, 300 + Math.random() * 1000);
}

const RECEIVERS = {
  state(state) {
    receiveState(state);
    fetchSoon();
  },
  report(report) {
    const was = model.report.elections.leaderless;
    receiveReport(report);
    if (was !== report.elections.leaderless) fetchSoon();
  },
  change(change) {
    receiveChange(change);
    if (change.event === "leader") say(change);
  },
  stopped({ state }) {
    model.report.state = state === "failed" ? "failed" : "stopped";
  },
};

function listen() {
  const query = model.lastId ? `?${new URLSearchParams({ last_event_id: model.lastId })}` : "";
  const source = new EventSource(`events${query}`);
  for (const [kind, receive] of Object.entries(RECEIVERS)) {
    source.addEventListener(kind, event => {
      model.lastId = event.lastEventId || model.lastId;
      heardAt = performance.now();
      retryMs = RETRY_MS;
      if (!model.report && kind !== "state") return;
      receive(JSON.parse(event.data));
      showConnection(kind === "stopped" ? "stopped" : "live");
      showSoon();
    });
  }
  source.onerror = () => {
    source.close();
    if (model.connection !== "stopped") showConnection("lost");
    setTimeout(listen, retryMs * (0.75 + Math.random() / 2));
    retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
  };
}

// For those who do not see the page: a few changes by name, more of them by their number.
function say(change) {
  unsaid.push(change);
  speaking ||= setTimeout(() => {
    const names = unsaid.map(({ election, leader }) => `${election}: ${leader ?? "nobody"} leads`);
    show(byId("announcer"), unsaid.length > SAID_MAX ? `${unsaid.length} changes of leaders` : names.join("; "));
    unsaid = [];
    speaking = 0;
  }, SPEECH_MS);
}

const TIMES = {
  since: (at, now) => duration(Math.floor(now - at)),
  ago: (at, now) => `${Math.max(0, now - at).toFixed(1)} s ago`,
  until: (at, now) => `${Math.max(0, at - now).toFixed(1)} s`,
};

function tick() {
  if (!model.report) return;
  const now = nodeNow();
  for (const [kind, textOf] of Object.entries(TIMES)) {
    for (const each of document.querySelectorAll(`[data-${kind}]`)) show(each, textOf(each.dataset[kind], now));
  }
  for (const each of document.querySelectorAll("[data-fill]")) {
    const share = (each.dataset.fill - now) / each.dataset.whole;
    each.style.setProperty("--fill", Math.max(0, Math.min(1, share)).toFixed(3));
  }
  if (model.connection === "live" && performance.now() - heardAt > SILENCE_MS) showConnection("silent");
}

listenToPerson();
showConnection("connecting");
listen();
setInterval(() => document.hidden || tick(), TICK_MS);
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !model.report) return;
  showAll();
  fetchSoon();
});
