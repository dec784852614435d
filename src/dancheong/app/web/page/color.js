// The first tab: photographs are brought, colored, looked at and taken home.

import { ask, attempt, chooser, h, Notice, pictureAddress, post, pressKey, Problem, problemText, t, timeLeft, upload, uploadText, visit, WORK_MS } from "./client.js";
import { isBehind, isStale, ResultView } from "./result.js";
import { SettingsForm } from "./settings.js";

const same = (a, b) => a && b && a.model === b.model && JSON.stringify(Object.entries(a.settings).sort()) === JSON.stringify(Object.entries(b.settings).sort());
const isHidden = (name) => name.startsWith(".") || name === "Thumbs.db";
// As a person counts, folder by folder: a browser lists a chosen folder as its disk does.
const pathOf = (file) => file.webkitRelativePath || file.path?.replace(/^\//, "") || file.name;
// A folder holds notes, too; a file that a person has chosen by itself is meant.
const isInFolder = (file) => pathOf(file).includes("/");
const isPhotograph = (name) => !name.includes(".") || [".zip", ...visit.suffixes].some((suffix) => name.toLowerCase().endsWith(suffix));
const inOrder = (files) => files.sort((a, b) => pathOf(a).localeCompare(pathOf(b), undefined, { numeric: true }));

export class ColorTab {
  constructor(panel, models) {
    Object.assign(this, { panel, models });
    this.notice = new Notice("problem");
    this.result = new ResultView(this);
    this.form = new SettingsForm("coloring", (settings) => { this.notice.clear(); visit.keep({ settings }); this.update(); });
    visit.addEventListener("change", () => this.update());
    visit.addEventListener("connection", () => {
      // What did not come is asked for once more.
      for (const { image } of this.items?.values() ?? []) if (image.hidden) image.removeAttribute("src");
      this.update();
    });
    for (const name of ["dragenter", "dragover"]) document.addEventListener(name, (event) => this.#dragged(event, true));
    for (const name of ["dragleave", "drop"]) document.addEventListener(name, (event) => this.#dragged(event, false));
    document.addEventListener("drop", async (event) => this.add(await dropped(event.dataTransfer)));
    addEventListener("beforeunload", (event) => { if (this.uploading) event.preventDefault(); });
    document.addEventListener("paste", (event) => { if (event.clipboardData?.files.length) this.add([...event.clipboardData.files]); });
  }

  build() {
    this.status = h("p.status", { role: "status", id: "status" });
    this.bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": t("tab_color") });
    this.model = h("select", { id: "model", onchange: () => this.#choose() });
    this.go = h("button.primary", { type: "button", id: "go", onclick: () => this.color("rest") }, t("color"));
    this.halt = h("button", { type: "button", id: "halt", hidden: true, onclick: () => this.stop() }, t("stop"));
    const add = (files) => this.add(files);
    const bar = h("div.bar", {}, chooser("button", t("add"), { id: "files", multiple: true }, add),
      chooser("button.wide", t("add_folder"), { multiple: true, webkitdirectory: true }, add),
      h("label.model", {}, h("span", {}, t("model")), this.model), this.go, this.halt);
    this.drop = h("div.drop", {}, h("p.big", {}, matchMedia("(pointer: coarse)").matches ? t("drop_touch") : t("drop_title")),
      h("p.hint", {}, t("drop_kinds", { limit: visit.uploadMb })),
      h("p", {}, h("button", { type: "button", id: "sample", onclick: (event) => this.sample(event.target) }, t("sample"))));
    this.zip = h("a.button", { download: "", id: "zip", hidden: true }, t("download_all"));
    this.list = h("ul.photographs", { id: "photographs", "aria-label": t("photographs") });
    this.failed = h("div.failed", { id: "failed", hidden: true });
    this.settings = h("details.settings", { id: "settings" }, h("summary", {}, t("settings")), h("p.hint", {}, t("settings_note")), this.form.element);
    this.sticky = h("div.sticky", {}, bar, h("div.statusline", {}, this.status, this.bar), this.notice.say());
    this.panel.replaceChildren(this.sticky, this.drop, this.result.build(this.zip), this.failed, this.list, this.settings);
    this.items = new Map();
    this.shownModels = this.shownFailures = null;
    this.update();
  }

  // -- what is to be colored ----------------------------------------------------------------------------------------------

  // Files of a drop, a choice or the clipboard are uploaded one after the other; each is there as soon as it has come.
  async add(files) {
    this.notice.clear();
    const seen = files.filter((one) => !isHidden(one.name)), photographs = seen.filter((one) => !isInFolder(one) || isPhotograph(one.name));
    this.leftOut = seen.filter((one) => !photographs.includes(one)).map((one) => one.name);
    // One folder's own name says nothing; those of several, and of folders in it, tell files of one name apart.
    const tops = new Set(photographs.map((one) => pathOf(one).split("/")[0]));
    for (const file of inOrder(photographs)) {
      file.path = tops.size === 1 && isInFolder(file) ? pathOf(file).replace(/^[^/]*\//, "") : pathOf(file);
      try {
        this.uploading = { name: file.name, share: 0 };
        this.#line();
        await upload("/photographs", file, (share) => {
          this.uploading = { name: file.name, share };
          this.#line();
        });
      } catch (problem) {
        this.notice.tell(problem, file.name);
        if (["many_photos", "full"].includes(problem.code)) break;
      } finally {
        this.uploading = null;
      }
    }
    await visit.refresh().catch(() => {});
    this.#line();
  }

  async sample(button) {
    Object.assign(button, { disabled: true, textContent: t("sample_comes") });
    const key = pressKey(), recipe = this.recipe();
    await this.attempt(async () => {
      const { number } = await post(`/photographs/sample?upload=${key}`, {}, WORK_MS);
      await this.#order([number], recipe, key);
    });
    Object.assign(button, { disabled: false, textContent: t("sample") });
  }

  recipe() {
    return { model: this.model.value, settings: visit.settings.settings ?? {} };
  }

  async color(photographs, recipe = this.recipe()) {
    const key = pressKey();
    await this.attempt(() => this.#order(photographs, recipe, key));
    await visit.refresh().catch(() => {});
  }

  async #order(photographs, recipe, key) {
    await visit.save();
    if (!recipe.model) throw new Problem(409, "no_model");
    visit.keep({ model: recipe.model });  // another model that comes first is not what a person has colored with
    await post("/jobs", { photographs, recipe, key });
    this.follow = true;
    await visit.refresh();
  }

  async stop() {
    const job = this.#job();
    if (job) await this.attempt(() => post(`/jobs/${job.number}/stop`));
    await visit.refresh().catch(() => {});
  }

  #choose() {
    this.notice.clear();
    visit.keep({ model: this.model.value, settings: {} });
    this.update();
  }

  attempt(act) { return attempt(act, this.notice); }

  // -- what is shown ------------------------------------------------------------------------------------------------------

  update() {
    if (!this.items) return;
    const photographs = visit.list();
    this.#models();
    this.drop.hidden = photographs.length > 0;
    this.#list(photographs);
    this.#failures(photographs.filter((one) => one.state === "failed"));
    this.#select(photographs);
    this.zip.hidden = photographs.filter((one) => one.has_result).length < 2;
    this.#line();
  }

  #models() {
    const names = this.models.names(), wanted = names.includes(visit.settings.model) ? visit.settings.model : names[0] ?? "";
    if (this.shownModels !== names.join("\n")) {
      this.shownModels = names.join("\n");
      this.model.replaceChildren(...this.models.options());
    }
    if (this.model.value !== wanted) this.model.value = wanted;
    this.form.load({ model: wanted }, visit.settings.settings ?? {}).catch(() => {});
  }

  #job() {
    return visit.jobs.findLast((job) => job.state === "running" && job.photographs.some((n) => visit.photographs.get(n)?.role === "photograph"));
  }

  #line() {
    const photographs = visit.list(), job = this.#job(), recipe = this.recipe();
    const open = photographs.filter((one) => one.width_px && (isBehind(one) || !same(one.made_with, recipe))).length;
    this.go.disabled = Boolean(job);
    this.go.textContent = open && open < photographs.length && photographs.some((one) => one.has_result) ? t("color_rest") : t("color");
    this.halt.hidden = !job;
    this.bar.hidden = !job && !this.uploading;
    this.status.classList.toggle("good", !job && !this.uploading && photographs.some((one) => one.has_result));
    if (!visit.online) {
      this.status.textContent = t("offline");
      this.bar.hidden = true;
    } else if (this.uploading) {
      const { name, share } = this.uploading;
      this.status.textContent = uploadText(name, share);
      this.bar.value = share ?? 0;
    } else if (job) {
      const ended = job.done + job.failed, current = job.photographs.map((n) => visit.photographs.get(n)).find((one) => one?.state === "working");
      const line = t(current ? "status_working" : job.ahead ? "status_ahead" : "status_waits", { ahead: job.ahead, number: Math.min(ended + 1, job.photographs.length), total: job.photographs.length, name: current?.name ?? "" });
      this.status.textContent = [line, job.others && t("status_line", { others: job.others }), job.minutes_left && timeLeft(job.minutes_left)].filter(Boolean).join(" · ");
      this.#advance(ended, current, job.photographs.length);
    } else if (photographs.some((one) => one.state === "working")) {
      this.status.textContent = t("stopping");
    } else if (!this.models.names().length) {
      this.status.textContent = t("no_model");
    } else {
      this.status.textContent = this.#ended(photographs, open);
    }
  }

  // How far one photograph is nobody knows; by its size it takes about so long.
  #advance(ended, current, total) {
    clearTimeout(this.ticking);
    const elapsed = current ? Date.now() / 1000 + visit.ahead - current.began_at : 0;
    this.bar.value = (ended + Math.min(0.95, elapsed / (current?.expected_seconds || 1))) / total;
    if (current?.state === "working") this.ticking = setTimeout(() => this.#advance(ended, visit.photographs.get(current.number), total), 500);
  }

  #ended(photographs, open) {
    const last = visit.jobs.findLast((job) => job.photographs.some((n) => visit.photographs.get(n)?.role === "photograph"));
    const failed = photographs.filter((one) => one.state === "failed").length;
    const done = photographs.filter((one) => one.has_result).length, behind = photographs.filter(isBehind).length;
    const parts = [];
    if (last?.state === "stopped") parts.push(t("status_stopped", { done, total: photographs.length }));
    else if (last && done) parts.push(t("status_done", { done, total: photographs.length }));
    else if (open) parts.push(t("status_ready", { count: open }));
    if (behind) parts.push(t("status_behind", { count: behind }));
    if (failed) parts.push(t("status_failed", { failed }));
    const names = this.leftOut?.slice(0, 3).join(", ");
    if (names) parts.push(t("status_left_out", { count: this.leftOut.length, names: this.leftOut.length > 3 ? `${names} …` : names }));
    return parts.join(" ");
  }

  #list(photographs) {
    for (const [number, item] of this.items) {
      if (!photographs.some((one) => one.number === number)) { item.remove(); this.items.delete(number); }
    }
    for (const one of photographs) {
      const item = this.items.get(one.number) ?? this.#item(one);
      const failed = one.state === "failed" && !one.width_px;
      const kind = one.has_result ? "after" : "before", address = failed ? "" : pictureAddress(one, kind, "small");
      if (item.image.getAttribute("src") !== address && address) Object.assign(item.image, { src: address, hidden: false });
      if (failed) item.image.hidden = true;
      const state = one.state === "done" && isStale(one) ? "stale" : one.state === "done" && one.strokes_unused ? "drawn" : one.state === "done" && !same(one.made_with, this.recipe()) ? "other" : one.state;
      item.state.textContent = t(`state_${state}`);
      item.dataset.state = one.state;
      item.button.setAttribute("aria-current", String(one.number === this.selected));
    }
  }

  #item(one) {
    const image = h("img", { alt: "", loading: "lazy", onerror: () => { image.hidden = true; this.update(); } }), state = h("span.state");
    const button = h("button.photograph", { type: "button", "aria-label": one.name, onclick: () => this.select(one.number, true) },
      image, h("span.name", { title: one.name }, one.name), state);
    const item = h("li", {}, button, h("button.quiet.remove", { type: "button", "aria-label": `${t("remove")}: ${one.name}`, onclick: async () => {
      // What is not there any more is removed.
      await this.attempt(() => ask(`/photographs/${one.number}`, { method: "DELETE" }).catch((problem) => { if (problem.status !== 404) throw problem; }));
      await visit.refresh().catch(() => {});
    } }, "×"));
    Object.assign(item, { image, state, button });
    this.items.set(one.number, item);
    this.list.append(item);
    return item;
  }

  #failures(failed) {
    this.failed.hidden = !failed.length;
    const key = JSON.stringify(failed.map((one) => [one.number, one.error, one.version])) + document.documentElement.lang;
    if (this.shownFailures === key) return;
    this.shownFailures = key;
    const retry = (which, label) => h("button", { type: "button", onclick: () => this.color(which) }, label);
    this.failed.replaceChildren(h("h2", {}, t("failed_list")), h("ul", {}, failed.map((one) => h("li", {}, h("b", {}, one.name), " ",
      one.error ? problemText(one.error) : ""))), failed.length ? retry("failed", t("retry_failed")) : "");
  }

  // The first that is colored is shown, before that the first that can be seen, until a person chooses; afterwards theirs stays.
  #select(photographs) {
    const done = photographs.filter((one) => one.has_result), before = visit.photographs.get(this.selected);
    const isSeen = (one) => !this.items.get(one.number)?.image.hidden;
    if (!before || (!this.chosen && !before.has_result && (done.length || !isSeen(before)))) {
      const sized = photographs.filter((one) => one.width_px), first = done[0] ?? sized.find(isSeen) ?? sized[0];
      this.selected = first?.number;
      if (first?.has_result && this.follow) this.#reveal();
    }
    this.result.element.hidden = this.selected === undefined;
    if (this.selected !== undefined) this.result.show(visit.photographs.get(this.selected));
    for (const [number, item] of this.items) item.button.setAttribute("aria-current", String(number === this.selected));
  }

  #reveal() {
    this.follow = false;
    requestAnimationFrame(() => this.result.element.scrollIntoView({ block: "nearest", behavior: "auto" }));
  }

  select(number, chosen = false) {
    this.selected = number;
    this.chosen = chosen;
    this.update();
    if (chosen) this.result.element.scrollIntoView({ block: "nearest" });
  }

  step(by) {
    const shown = visit.list().filter((one) => one.width_px), at = shown.findIndex((one) => one.number === this.selected);
    const next = shown[(at + by + shown.length) % shown.length];
    if (next) this.select(next.number, true);
  }

  #dragged(event, over) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dragging", over);
  }
}

// The files of a drop; of folders those in them, too.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) return files.push(Object.assign(await new Promise((done, failed) => entry.file(done, failed)), { path: entry.fullPath }));
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return null;
      for (const one of some) await walk(one);
    }
  };
  for (const entry of entries) await walk(entry);
  return files;
}
