// Training: photographs, how they are paired and held out, curves and previews, stop and go on from anywhere.

import { chart } from "./chart.js";
import { ask, attempt, chooser, h, Notice, post, pressKey, Problem, problemText, t, timeLeft, upload, uploadText, visit, WORK_MS } from "./client.js";
import { SettingsForm } from "./settings.js";

const CHARTS = [
  ["chart_delta", ["val_delta_e_2000", "val_gray_delta_e_2000", "val_input_delta_e_2000"]], ["chart_l1", ["l1", "val_l1"]], ["chart_gan", ["d_real", "d_fake", "g_gan"]],
];

export class TrainTab {
  constructor(panel, models) {
    Object.assign(this, { panel, models });
    this.notice = new Notice("train-problem");
    this.nameNotice = new Notice("train-name-problem");
    this.form = new SettingsForm("training", (values) => { this.notice.clear(); visit.keep({ training_settings: values }); });
    visit.addEventListener("training", () => this.update());
  }

  build() {
    this.order = h("div.order");
    this.status = h("p.status", { role: "status", id: "train-status" });
    this.bar = h("progress", { max: 1, hidden: true, "aria-label": t("tab_train") });
    this.stop = h("button", { type: "button", id: "train-stop", hidden: true, onclick: () => this.#stop() }, t("train_stop"));
    this.resume = h("button", { type: "button", id: "train-resume", hidden: true, onclick: () => this.#try(() => post("/trainings/current/resume")) }, t("train_resume"));
    this.facts = h("ul.facts");
    this.charts = h("div.charts");
    this.previews = h("div.previews");
    this.panel.replaceChildren(h("p", {}, t("train_intro")), this.order, this.notice.say(), h("div.sticky.low", {}, this.status, this.bar, h("p.row", {}, this.stop, this.resume)), this.facts, this.charts, this.previews);
    this.shown = "";
    this.#build();
  }

  opened() {
    if (!this.view) this.#build();
    this.update();
  }

  async #build() {
    this.view = await ask("/trainings").catch(() => null);
    if (!this.view) return;
    if (!this.view.available) {
      this.order.replaceChildren(h("p.notice", { id: "no-torch" }, t("no_torch")));
      return;
    }
    const kept = visit.settings.training ?? {};
    const field = (label, element, hint) => h("label.field", {}, h("span", {}, label), element, hint ? h("small", {}, hint) : "");
    const choice = (id, names, label, value) => h("select", { id, onchange: () => this.#keep() }, names.map((name) => h("option", { value: name, selected: name === value }, label(name))));
    this.name = h("input", { type: "text", id: "train-name", value: kept.name ?? "", "aria-describedby": "train-name-problem", oninput: () => this.nameNotice.clear(), onchange: () => this.#keep() });
    this.zip = h("span.field", {}, h("span", {}, t("train_zip")), h("span.row", {}, chooser("button", t("train_zip_choose"), { id: "train-zip", accept: ".zip" }, ([file]) => this.#upload(file)),
      this.zipName = h("span.hint", {}, kept.zip ?? "")), h("small", {}, t("train_zip_hint", { limit: visit.uploadMb })));
    this.folder = choice("train-folder", ["", ...this.view.folders], (name) => name || t("train_choose"), kept.folder ?? "");
    this.folder.onchange = () => { this.#keep(); this.#lookAt(); };
    this.found = h("p.good", { id: "train-found", role: "status" });
    this.pairing = choice("train-pairing", ["derive", "folders", "side_by_side"], (name) => t(`pairing_${name}`), kept.pairing);
    this.direction = choice("train-direction", ["AtoB", "BtoA"], t, kept.direction);
    this.directionField = field(t("direction"), this.direction);
    this.validation = h("input", { type: "number", min: 0, max: 50, step: 5, value: kept.validation ?? 10, id: "train-validation", onchange: () => this.#keep() });
    this.preset = choice("train-preset", this.view.presets, (name) => t(`preset_${name}`), kept.preset ?? "default");
    this.preset.onchange = () => { this.#keep(); this.#settings(); };
    this.start = h("button.primary", { type: "button", id: "train-start", onclick: () => this.#start() }, t("train_start"));
    this.order.replaceChildren(...[
      h("div", {}, field(t("train_name"), this.name), this.nameNotice.say()), this.zip,
      this.view.folders.length ? field(t("train_folder"), this.folder) : "", this.found,
      field(t("pairing"), this.pairing), this.directionField, field(`${t("validation")} (%)`, this.validation, t("validation_hint")), field(t("preset"), this.preset),
      h("details.settings", {}, h("summary", {}, t("settings")), this.form.element), h("p", {}, this.start)].filter(Boolean));
    this.#tellFound(kept.found);
    this.#showDirection();
    this.#settings();
    this.update();
  }

  #settings() { this.form.load({ preset: this.preset.value }, visit.settings.training_settings ?? {}).catch(() => {}); }

  // Color photographs have none.
  #showDirection() { this.directionField.hidden = this.pairing.value !== "side_by_side"; }

  #keep(more = {}) {
    this.#showDirection();
    this.notice.clear();
    visit.keep({ training: { ...visit.settings.training, name: this.name.value, folder: this.folder.value, pairing: this.pairing.value, direction: this.direction.value,
      validation: Number(this.validation.value), preset: this.preset.value, ...more } });
  }

  async #upload(file) {
    this.start.disabled = this.isUploading = true;
    await this.#try(async () => {
      const found = await upload("/trainings/photographs", file, (share) => {
        this.found.textContent = uploadText(file.name, share);
      });
      this.folder.value = "";
      this.zipName.textContent = file.name;
      this.#use(found, file.name);
    }, file.name, () => { this.isUploading = false; this.#tellFound(visit.settings.training?.found); });
  }

  async #lookAt() {
    if (this.folder.value) await this.#try(async () => {
      this.#use(await ask(`/trainings/folder?${new URLSearchParams({ name: this.folder.value })}`, { limit: WORK_MS }));
      this.zipName.textContent = "";
    });
  }

  #use(found, zip = "") {
    this.pairing.value = found.pairing;
    this.direction.value = found.direction;
    this.#keep({ found, photographs: found.key ?? null, zip });
    this.#tellFound(found);
  }

  #tellFound(found) {
    if (!found) { this.found.textContent = ""; return; }
    const words = [t(`found_${found.pairing}`, { images: found.images, direction: t(found.direction) })];
    if (found.has_validation) words.push(t("found_validation"));
    this.found.textContent = words.join(" ");
  }

  async #start() {
    const kept = visit.settings.training ?? {};
    const order = {
      key: pressKey(), name: this.name.value, photographs: this.folder.value ? null : kept.photographs ?? null, folder: this.folder.value || null, preset: this.preset.value,
      pairing: this.pairing.value, direction: this.direction.value, validation: Number(this.validation.value) / 100, settings: this.form.values,
    };
    this.nameNotice.clear();
    await this.#try(async () => {
      try {
        if (!order.name.trim()) throw new Problem(422, "train_name_empty");
        await post("/trainings", order, WORK_MS);
      } catch (problem) {
        // What is wrong with the name is said beside it.
        if (!["train_name_empty", "name_wrong", "name_taken"].includes(problem.code)) throw problem;
        this.nameNotice.tell(problem);
        this.name.focus();
      }
    });
  }

  async #stop() {
    if (confirm(t("train_stop_ask", { name: this.view?.current.name ?? "" }))) await this.#try(() => post("/trainings/current/stop"));
  }

  async #try(act, name = "", whenDone = () => {}) {
    await attempt(() => act().finally(() => { whenDone(); return this.update(); }), this.notice, name);
  }

  async update() {
    if (!this.status || this.panel.hidden) return;
    const view = await ask("/trainings").catch(() => null);
    if (!view) return;
    this.view = view;
    const now = view.current, active = ["running", "stopping"].includes(now.state);
    this.status.textContent = this.#line(now);
    this.status.classList.toggle("good", now.state === "done");
    this.bar.hidden = !active;
    this.bar.value = now.images_seen / Math.max(1, now.images_total);
    this.stop.hidden = now.state !== "running";
    this.resume.hidden = now.state !== "stopped" || !view.available;
    if (this.start) this.start.disabled = active || this.isUploading;
    this.facts.replaceChildren(...this.#facts(now, view).map((fact) => h("li", {}, fact)));
    await this.#pictures(now);
  }

  #line(now) {
    if (now.state === "failed") return t("training_failed", { name: now.name, reason: now.error ? problemText(now.error) : "" });
    if (now.state !== "running") return t(`training_${now.state}`, { name: now.name });
    if (!now.images_total) return t("training_begins", { name: now.name });
    const time = now.minutes_left ? timeLeft(now.minutes_left) : t("time_left_unknown");
    return [t("training_running", { name: now.name }), t("train_images", { seen: now.images_seen, total: now.images_total }), time].join(" · ");
  }

  #facts(now, view) {
    const facts = Object.entries(now.findings).map(([kind, count]) => t(`finding_${kind}`, { count }));
    if (now.advice) facts.push(t("train_advice", { advice: now.advice }));
    if (now.validated) facts.push(t("train_validated", { count: now.validated }));
    if (now.too_few) facts.push(t("train_few"));
    if (now.left_out) facts.push(t("train_left_out", { count: now.left_out, first: `${now.first_left_out}: ${problemText(now.left_out_why)}` }));
    if (["done", "stopped"].includes(now.state)) {
      facts.push(h("a", { href: `/api/v1/models/${encodeURIComponent(now.name)}/file`, download: "" }, t("model_download")));
      facts.push(h("a", { href: "/api/v1/trainings/current/report", download: "" }, t("train_report")));
      if (!view.models_are_kept) facts.push(t("model_temporary"));
    }
    return facts;
  }

  async #pictures(now) {
    const key = `${now.name} ${now.images_seen} ${document.documentElement.lang}`;
    if (key === this.shown || now.state === "idle") return;
    this.shown = key;
    const [history, previews] = await Promise.all([ask("/trainings/current/history"), ask("/trainings/current/previews")]).catch(() => [[], []]);
    this.charts.replaceChildren(...CHARTS.flatMap(([title, names]) => {
      const series = names.map((name) => [t(`loss_${name}`), history.filter((entry) => name in entry).map((entry) => [entry.images, entry[name]])]).filter(([, points]) => points.length);
      return series.length ? [chart(t(title), t("chart_x"), series)] : [];
    }));
    if (previews.length) {
      const columns = [t("score_gray"), t("preview_predicted"), t("truth")];
      const last = previews.length - 1, image = h("img", { alt: columns.join(" | ") }), text = h("span");
      const range = h("input", { type: "range", min: 0, max: last, step: 1, id: "preview", "aria-label": t("previews") });
      range.oninput = () => {
        const one = previews[Number(range.value)];
        image.src = `/api/v1/trainings/current/previews/${one.images}?of=${encodeURIComponent(now.name)}`;
        text.textContent = t("preview_after", { images: one.images });
      };
      range.value = last;
      range.oninput();
      this.previews.replaceChildren(h("h2", {}, t("previews")), h("div.preview", {}, h("p.columns", {}, ...columns.map((one) => h("span", {}, one))), image), h("p.row", {}, range, text));
    }
  }
}
