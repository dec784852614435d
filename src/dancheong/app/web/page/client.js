// The interface of the server, the state of this visit, and the words of the page.

const API = "/api/v1";
const SILENCE_MS = 30000;  // twice as long as the server is ever silent
export const WORK_MS = 300000;  // of what the server works for before it answers

// A refusal of the server: a code and its details; `status` 0 where no answer came.
export class Problem extends Error {
  constructor(status, code, details = {}) {
    super(code);
    Object.assign(this, { status, code, details });
  }
}

// No answer within `limit` is none, because a line can be silent for ever.
export async function ask(path, { json, limit = SILENCE_MS, ...rest } = {}) {
  const sent = json === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(json) };
  try {
    const answer = await fetch(API + path, { signal: AbortSignal.timeout(limit), ...sent, ...rest });
    if (answer.ok) return answer.status === 204 ? null : await answer.json();
    const { code, details } = await answer.json().catch(() => ({ code: "bad_request" }));
    throw new Problem(answer.status, code, details);
  } catch (problem) {
    throw problem instanceof Problem ? problem : new Problem(0, "no_answer");
  }
}

// Does what may be refused, and is harmless to do twice. A refusal is told by a notice, with the name of a file; the answer is then null.
export async function attempt(act, notice, name = "") {
  notice.clear();
  try {
    return await act();
  } catch (problem) {
    if (problem.code === undefined) throw problem;
    notice.tell(problem, name, () => attempt(act, notice, name));
    return null;
  }
}

// What was refused, until the next press or until the same press would work. It outlives the words around it.
export class Notice {
  told = [];

  constructor(id) {
    this.element = h("div.notice.bad", { role: "alert", id, hidden: true });
    visit.addEventListener("connection", () => { if (visit.online && this.told.some(({ problem }) => problem.status === 0)) this.clear(); });
  }

  tell(problem, name = "", retry = null) {
    this.told.push({ problem, name, retry });
    this.say();
  }

  clear() {
    this.told = [];
    this.say();
  }

  // In the language of now. Where no answer came, a button tries once more.
  say() {
    this.element.hidden = !this.told.length;
    this.element.replaceChildren(...this.told.map(({ problem, name, retry }) => h("p", {}, name ? h("b", {}, `${name}: `) : "", problemText(problem), " ",
      problem.status === 0 && retry && h("button", { type: "button", onclick: retry }, t("try_again")))));
    return this.element;
  }
}

// Of one press: whatever is sent with it more than once is done once.
export const pressKey = () => crypto.getRandomValues(new Uint32Array(4)).join("");
export const post = (path, json, limit) => ask(path, { method: "POST", json: json ?? {}, limit });
export const pictureAddress = (photograph, kind, size) =>
  `${API}/photographs/${photograph.number}/${kind === "confidence" ? "" : "pictures/"}${kind}?size=${size}&v=${photograph.version}`;
// As the hints and the look of the photograph would have it, or another look. The address changes with what it shows.
export const previewAddress = (photograph, longerPx, look = photograph.look) =>
  `${API}/photographs/${photograph.number}/preview?${new URLSearchParams({ look, longer_px: longerPx, v: photograph.version, of: JSON.stringify(photograph.hints) })}`;
export const tileAddress = (photograph, kind, level, column, row) =>
  `${API}/photographs/${photograph.number}/tiles/${kind}/${level}/${column}/${row}?v=${photograph.version}`;

// Uploads a file, telling its progress; without a connection it waits and tries again. The key keeps it from being added twice.
export async function upload(path, file, progress = () => {}) {
  const query = new URLSearchParams({ name: file.path || file.name || "pasted.png", upload: pressKey() });
  for (let wait = 1000; ; wait = Math.min(2 * wait, 10000)) {
    try {
      return await send(`${API}${path}?${query}`, file, progress);
    } catch (problem) {
      if (problem.status) throw problem;
      // Of a file that has been changed or taken away since it was chosen a browser sends nothing, and says no more than of a dead line.
      await file.slice(0, 1).arrayBuffer().catch(() => { throw new Problem(410, "file_changed"); });
      progress(null);
      await new Promise((go) => setTimeout(go, wait));
    }
  }
}

// How far an upload is, in words: it waits for the line, is on its way, or is there and is looked at.
export const uploadText = (name, share) => (share === null ? t("upload_waits") : t(share < 1 ? "uploading" : "upload_looked_at", { name, percent: Math.round(100 * share) }));

// However long an upload takes, it goes on; a line on which nothing moves is given up. When all has gone, the server works.
function send(address, file, progress) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest(), ended = new AbortController();
    let silence;
    const within = (limit) => { clearTimeout(silence); silence = setTimeout(() => request.abort(), limit); };
    visit.addEventListener("connection", () => { if (!visit.online) request.abort(); }, { signal: ended.signal });
    request.open("POST", address);
    request.responseType = "json";
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => {
      within(event.loaded === event.total ? WORK_MS : 2 * SILENCE_MS);
      progress(event.total ? event.loaded / event.total : 0);
    };
    request.onloadend = () => { clearTimeout(silence); ended.abort(); };
    request.onerror = request.onabort = () => failed(new Problem(0, "no_answer"));
    request.onload = () => {
      if (request.status < 300) done(request.response);
      else failed(new Problem(request.status, request.response?.code ?? "bad_request", request.response?.details));
    };
    within(2 * SILENCE_MS);
    request.send(file);
  });
}

// -- words ---------------------------------------------------------------------------------------------------------------

let words = { texts: {}, errors: {}, reasons: {}, fields: {} };
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
export const t = (key, values = {}) => fill(words.texts[key] ?? key, values);
// As the server's `problem_text`.
export function problemText({ code, details = {} }) {
  if (!(code in words.errors)) return t(code, details);  // the page's own
  const reason = details.reason ? words.reasons[details.kind] ?? words.reasons.other ?? "{reason}" : "";
  const field = (words.fields[details.field] ?? details.field) + (details.number ? ` (${details.number})` : "") + ("came" in details ? ` = ${details.came}` : "");
  const text = fill(words.errors[code], { ...details, field, reason: fill(reason, details) });
  return details.near ? `${text} ${t("did_you_mean", details)}` : text;
}

export function timeLeft({ low, high }) {
  const [unit, part] = high > 90 ? ["hours", 60] : ["minutes", 1], from = Math.round(low / part), to = Math.max(1, Math.round(high / part));
  return t("time_left", { time: t(unit, { count: from < to && to > 1 ? `${from}–${to}` : to }) });
}

export const language = () => document.documentElement.lang;
export async function speak(wanted) {
  words = await ask(`/texts/${wanted}`);
  document.documentElement.lang = wanted;
}

// -- elements ------------------------------------------------------------------------------------------------------------

// h("button.quiet", { onclick }, "text"): an element with classes, properties or attributes, and children.
export function h(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on") || ["value", "checked", "disabled", "hidden", "textContent"].includes(key)) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// A button that lets a person choose files; the browser's own would speak the browser's language. `use` gets what was chosen.
export function chooser(kind, label, properties, use) {
  const field = h("input.hide", { type: "file", tabindex: "-1", "aria-hidden": "true", ...properties, onchange: () => {
    const files = [...field.files];
    field.value = "";
    if (files.length) use(files);
  } });
  return [h(kind, { type: "button", onclick: () => field.click() }, label), field];
}

// -- the visit -----------------------------------------------------------------------------------------------------------

// What the server keeps for this visitor, brought up to date by its events; `change` is told of at each.
class Visit extends EventTarget {
  revision = -1;
  photographs = new Map();
  jobs = [];
  comparisons = [];
  settings = {};
  suffixes = [];
  hours = 24;
  training = "";
  online = true;
  #busy = null;

  async refresh() {
    // One at a time, and once more where something came meanwhile.
    if (this.#busy) { this.again = true; return this.#busy; }
    this.#busy = this.#load().finally(() => { this.#busy = null; });
    await this.#busy;
    if (this.again) { this.again = false; await this.refresh(); }
  }

  async #load() {
    const saves = this.saves, news = await ask(`/visit?since=${this.revision}`);
    if (news.revision < this.revision) {  // the visit was removed
      this.revision = -1;
      this.photographs.clear();
      return this.#load();
    }
    for (const photograph of news.photographs) this.photographs.set(photograph.number, photograph);
    for (const number of news.removed) this.photographs.delete(number);
    if (news.suffixes.length) this.suffixes = news.suffixes;
    Object.assign(this, {
      revision: news.revision, jobs: news.jobs, comparisons: news.comparisons,
      // What was saved while the answer was on its way is newer than the answer.
      settings: saves === this.saves ? { ...news.settings, ...this.unsaved } : this.settings,
      hours: news.hours, ahead: news.now - Date.now() / 1000, uploadMb: news.max_upload_mb,
    });
    this.dispatchEvent(new Event("change"));
  }

  // Settings of the page are kept with the visit, so that a reload and another browser have them.
  unsaved = {};
  saves = 0;
  keep(settings) {
    Object.assign(this.unsaved, settings);
    Object.assign(this.settings, settings);
    this.#saveIn(300);
  }

  #saveIn(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save().catch(({ status }) => { if (!status) this.#saveIn(3000); }), ms);
  }

  async save() {
    clearTimeout(this.timer);
    const sent = { ...this.unsaved };
    if (!Object.keys(sent).length) return;
    this.saves += 1;
    await ask("/visit/settings", { method: "PATCH", json: sent, keepalive: true });  // also while the page is left
    this.saves += 1;
    for (const [name, value] of Object.entries(sent)) if (this.unsaved[name] === value) delete this.unsaved[name];
  }

  // An event source of the browser gives up for good where the server is away, and waits for ever where a line has
  // died without a word, as it does while a telephone sleeps; this one does neither.
  watch() {
    const source = this.source = new EventSource(`${API}/events`);
    const alive = () => {
      clearTimeout(this.silence);
      this.silence = setTimeout(() => source.onerror(), SILENCE_MS);
    };
    alive();
    window.onoffline = () => source.onerror();
    source.onmessage = async (event) => {
      alive();
      const { revision, training, models } = JSON.parse(event.data);
      this.#setOnline(true);
      if (models !== this.models) { this.models = models; this.dispatchEvent(new Event("models")); }
      if (training !== this.training) { this.training = training; this.dispatchEvent(new Event("training")); }
      if (revision !== this.revision) await this.refresh().catch(() => {});
    };
    source.onerror = () => {
      if (source !== this.source) return;
      this.source = null;
      clearTimeout(this.silence);
      source.close();
      this.#setOnline(false);
      setTimeout(() => this.watch(), 1000);
    };
  }

  #setOnline(online) {
    if (online === this.online) return;
    this.online = online;
    this.dispatchEvent(new Event("connection"));
    if (online) this.save().catch(() => {});
  }

  list() {
    return [...this.photographs.values()].filter((one) => one.role === "photograph");
  }
}

export const visit = new Visit();
