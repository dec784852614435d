// One photograph, two models; the true colors where they are known.

import { ask, attempt, chooser, h, Notice, post, pressKey, Problem, problemText, t, upload, uploadText, visit, WORK_MS } from "./client.js";

export class CompareTab {
  constructor(panel, models, color) {
    Object.assign(this, { panel, models, color });
    this.notice = new Notice("compare-problem");
    models.addEventListener("change", () => this.#options());
    visit.addEventListener("change", () => this.update());
  }

  build() {
    this.photograph = h("select", { id: "compare-photograph", onchange: () => this.#keep() });
    this.sides = ["a", "b"].map((side) => h("select", { id: `model-${side}`, onchange: () => this.#keep() }));
    this.go = h("button.primary", { type: "button", id: "compare", onclick: () => this.#compare() }, t("compare"));
    this.note = h("p.status", { role: "status", id: "compare-status" });
    this.shown = h("select", { id: "compare-shown", onchange: () => this.update() });
    this.viewer = this.viewer ?? document.createElement("photo-viewer");
    this.scores = h("div.scores", { id: "scores" });
    this.box = h("div.viewerbox", { hidden: true }, h("div.tools", {}, h("label", {}, t("compare_shown"), " ", this.shown)), this.viewer, this.scores, this.links = h("div.tools"));
    const field = (label, element) => h("label.field", {}, h("span", {}, label), element);
    this.panel.replaceChildren(h("p", {}, t("compare_intro")), h("div.row", {}, field(t("compare_photo"), this.photograph),
      chooser("button", t("compare_add"), { id: "compare-file" }, ([file]) => this.#add(file)), field(t("model_a"), this.sides[0]), field(t("model_b"), this.sides[1]), this.go),
      this.note, this.notice.say(), this.box);
    this.shownNumber = null;
    this.#options();
    this.update();
  }

  opened() { this.models.refresh().catch(() => {}); this.update(); }

  #options() {
    if (!this.sides) return;
    const names = this.models.names(), kept = visit.settings.compare?.models ?? [];
    this.sides.forEach((side, at) => {
      side.replaceChildren(...this.models.options());
      side.value = names.includes(kept[at]) ? kept[at] : names[at] ?? names[0] ?? "";
    });
  }

  // What a person has chosen stays with the visit.
  #keep() {
    this.notice.clear();
    visit.keep({ compare: { photograph: Number(this.photograph.value), models: this.sides.map((side) => side.value) } });
  }

  async #add(file) {
    await attempt(async () => {
      const [added] = await upload("/photographs", file, (share) => { this.note.textContent = uploadText(file.name, share); })
        .finally(() => { this.note.textContent = ""; });
      await visit.refresh();
      this.photograph.value = added.number;
      this.#keep();
    }, this.notice, file.name);
  }

  async #compare() {
    const order = { photograph: Number(this.photograph.value), models: this.sides.map((side) => side.value), key: pressKey() };
    await attempt(async () => {
      if (!order.photograph) throw new Problem(422, "compare_no_photo");
      if (this.models.names().length < 2) throw new Problem(422, "compare_two", { count: this.models.names().length });
      await post("/comparisons", order);
      this.shown.value = "results";
      this.follow = true;
      await visit.refresh();
    }, this.notice);
  }

  update() {
    if (!this.photograph) return;
    const list = visit.list().filter((one) => one.width_px), before = this.photograph.value || String(visit.settings.compare?.photograph);
    const key = list.map((one) => one.number).join();
    if (key !== this.listed || !this.photograph.options.length) {
      this.listed = key;
      this.photograph.replaceChildren(...list.map((one) => h("option", { value: one.number }, one.name)));
      if (list.some((one) => String(one.number) === before)) this.photograph.value = before;
    }
    const last = visit.comparisons.at(-1), pair = last?.photographs.map((number) => visit.photographs.get(number));
    if (!pair?.every(Boolean)) { this.box.hidden = true; return; }
    const failed = pair.find((one) => one.state === "failed");
    if (failed) this.note.textContent = problemText(failed.error);
    else if (pair.some((one) => one.state !== "done")) this.note.textContent = t("compare_running");
    else this.#show(last, pair);
  }

  async #show(last, [a, b]) {
    if (this.shownNumber !== last.number) {
      this.shownNumber = last.number;
      this.note.textContent = "";
      const scores = await ask(`/comparisons/${last.number}/scores`, { limit: WORK_MS }).catch(() => null);
      const truth = scores?.results.length === 3;
      this.shown.replaceChildren(h("option", { value: "results" }, t("compare_results")),
        ...(truth ? last.models.map((model, at) => h("option", { value: at }, t("compare_truth", { model }))) : []));
      this.links.replaceChildren(...[a, b].map((one, at) => h("a.button", { href: `/api/v1/photographs/${one.number}/result`, download: "" }, `${t("download")}: ${last.models[at]}`)));
      this.scores.replaceChildren();
      if (scores) this.#scores(last, scores);
    }
    this.box.hidden = false;
    const results = [a, b].map((photograph, at) => ({ photograph, kind: "after", label: last.models[at] }));
    if (this.shown.value === "results") this.viewer.show(...results);
    else this.viewer.show({ photograph: a, kind: "before", label: t("truth") }, results[Number(this.shown.value)]);
    if (this.follow) this.box.scrollIntoView({ block: "nearest" });
    this.follow = false;
  }

  #scores({ models }, { between, results }) {
    const heads = ["", ...models, ...(results.length === 3 ? [t("score_gray")] : [])];
    const rows = Object.keys(results[0]).map((name) => h("tr", {}, h("th", { scope: "row" }, t(`score_${name}`)),
      results.map((one) => h("td", {}, one[name] === null ? "" : one[name].toFixed(2)))));
    this.scores.replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h(head ? "th" : "td", head ? { scope: "col" } : {}, head)))), h("tbody", {}, rows)),
      between === null ? "" : h("p", {}, t("score_between", { value: between.toFixed(2) })));
  }
}
