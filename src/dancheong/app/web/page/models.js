// The models that can be chosen, and the tab of their cards.

import { ask, attempt, chooser, h, Notice, t, upload, uploadText, WORK_MS } from "./client.js";

const FACTS = {
  task: "fact_task", "learned from": "fact_learned_from", scores: "fact_scores", "trained with": "fact_trained_with", size: "fact_size", license: "fact_license",
};

export class Models extends EventTarget {
  list = [];

  async refresh() {
    this.list = await ask("/models", { limit: WORK_MS });  // each file is opened
    this.dispatchEvent(new Event("change"));
  }

  names() {
    return this.list.filter((model) => !model.error).map((model) => model.name);
  }

  options() {
    const said = ({ name, card }) => (card.comes_along ? t("model_comes_along", { name }) : name);
    return this.list.filter((model) => !model.error).map((model) => h("option", { value: model.name }, said(model)));
  }
}

export class ModelsTab {
  constructor(panel, models) {
    Object.assign(this, { panel, models });
    this.notice = new Notice("model-problem");
    models.addEventListener("change", () => this.#cards());
  }

  build() {
    this.note = h("p", { role: "status" });
    this.cards = h("ul.cards");
    this.panel.replaceChildren(h("h2", {}, t("tab_models")), h("p", {}, chooser("button", t("bring_model"), { id: "model-file", accept: ".h5" }, ([file]) => this.#bring(file))), this.note, this.notice.say(), this.cards);
    this.#cards();
  }

  opened() { this.models.refresh().catch(() => {}); }

  async #bring(file) {
    await attempt(async () => {
      try {
        const { name } = await upload("/models", file, (share) => { this.note.textContent = uploadText(file.name, share); });
        this.note.textContent = t("model_brought", { name });
      } catch (problem) {
        this.note.textContent = "";
        throw problem;
      }
      await this.models.refresh();
    }, this.notice, file.name);
  }

  #cards() {
    if (!this.cards) return;
    const list = this.models.list;
    this.cards.replaceChildren(...(list.length ? list.map((model) => h("li.card", {}, h("h3", {}, model.name), this.#facts(model),
      h("p", {}, h("a", { href: `/api/v1/models/${encodeURIComponent(model.name)}/file`, download: "" }, t("model_download"))))) : [h("li", {}, t("models_none"))]));
  }

  #facts({ card, own, error }) {
    if (error) return h("p.bad", {}, t("card_error"));
    const facts = [t("card_color", { space: card.color_space, px: card.resol })];
    if (card.data.photographs) facts.unshift(t("card_photos", { count: card.data.photographs }));
    if (card.images_seen) facts.push(t("card_seen", { count: card.images_seen }));
    const delta = card.scores.delta_e_2000 ?? card.scores.val_delta_e_2000;
    const gray = card.scores.val_gray_delta_e_2000 ?? card.scores.val_input_delta_e_2000;
    if (delta) facts.push(t("card_scores", { value: delta.toFixed(2) }));
    else if (card.facts.scores) facts.push(card.facts.scores);
    if (delta && gray) facts.push(t(delta < gray ? "card_gray" : "card_gray_better", { gray: gray.toFixed(2), share: Math.round(100 * Math.abs(1 - delta / gray)) }));
    if (own) facts.push(t("card_own"));
    const whole = Object.entries(FACTS).filter(([fact]) => card.facts[fact]);
    return [
      h("ul", {}, facts.map((fact) => h("li", {}, fact)), h("li", {}, `${t("digest")} `, h("code", {}, card.digest.slice(0, 12)))),
      h("details", {}, h("summary", {}, t("card_whole")), h("dl", {}, whole.flatMap(([fact, key]) => [h("dt", {}, t(key)), h("dd", { lang: "en" }, card.facts[fact].replace(/\x60/g, ""))]))),
    ];
  }
}
