// One photograph and what can be done with its result: looked at, toned, hinted, masked, taken home.

import "./viewer.js";
import { ask, h, language, previewAddress, t, visit } from "./client.js";
import { HintTool } from "./hints.js";
import { Looks } from "./looks.js";
import { MaskTool } from "./mask.js";

const MODES = ["line", "side", "looks", "hints", "mask", "confidence"];
const NEUTRAL = { strength: 1, warmth: 0 };
const PREVIEW_PX = 1600;

// Whether its person has said something since it was colored.
export const isStale = (one) => one.has_result && (one.look !== one.used_look || JSON.stringify(one.hints) !== JSON.stringify(one.used_hints));

// Whether its result lacks something that its person has said or drawn.
export const isBehind = (one) => isStale(one) || (one.has_result && one.strokes_unused);

export class ResultView {
  // `tab` colors and steps. The viewer, and what a person did in it, outlive the words around it.
  constructor(tab) {
    Object.assign(this, { tab, mode: "line" });
    this.viewer = document.createElement("photo-viewer");
    this.viewer.addEventListener("step", (event) => tab.step(event.detail));
    this.mask = new MaskTool(this.viewer);
    this.hints = new HintTool(this.viewer);
    this.looks = new Looks((act) => tab.attempt(act));
    for (const { history } of [this.mask, this.hints]) {
      history.addEventListener("change", () => this.#steps());
      history.addEventListener("refused", async ({ detail }) => {
        await history.saving;
        await tab.attempt(() => { throw detail; });
        tab.update();  // with what the server has
      });
    }
  }

  // In the language of now; `zip` is the link to all results.
  build(zip) {
    const { tab } = this;
    this.zip = zip;
    this.modes = MODES.map((name) => h("button", { type: "button", "data-mode": name, "aria-pressed": "false", onclick: () => this.#mode(name) }, t(`mode_${name}`)));
    const tool = (name, act, sign) => h("button.tool", { type: "button", "aria-label": t(name), title: t(name), onclick: act, id: name.replace("_", "-") }, sign);
    this.doubt = h("p.hint", { id: "doubt", hidden: true }, h("i.doubt"), t("confidence_help"));
    const button = (id, act, kind = "button") => h(kind, { type: "button", id, onclick: act }, t(id));
    // What was drawn or said is taken back and used right below the photograph, where no tool pushes it out of sight.
    this.undo = button("undo", () => this.viewer.tool.history.undo());
    this.redo = button("redo", () => this.viewer.tool.history.redo());
    this.apply = button("apply", () => this.#apply(), "button.primary");
    this.recolor = button("recolor", async () => { await this.mask.history.saving; tab.color([this.photograph.number]); }, "button.primary");
    this.again = h("button", { type: "button", id: "again", onclick: () => tab.color([this.photograph.number]) }, t("again"));
    this.facts = h("p.facts", { id: "facts" });
    this.download = h("a.button", { download: "", id: "download" }, t("download"));
    this.pairLink = h("a.button", { download: "", id: "pair" }, t("download_pair"));
    this.marked = h("input", { type: "checkbox", id: "mark", onchange: () => { visit.keep({ mark: this.marked.checked }); this.#links(); } });
    this.element = h("div.viewerbox", { id: "viewer", hidden: true },
      h("div.tools", {}, h("div.group", { role: "group", "aria-label": t("stage").split(":")[0] }, this.modes), tool("previous", () => tab.step(-1), "‹"), tool("next", () => tab.step(1), "›"),
        tool("zoom_out", () => this.viewer.zoom(1 / 1.4), "−"), tool("zoom_in", () => this.viewer.zoom(1.4), "+"), tool("zoom_fit", () => this.viewer.fit(), "▢"),
        tool("zoom_full", () => this.viewer.full(), "1:1")),
      this.work = h("div.work", {}, this.viewer, h("div.tools.act", {}, this.undo, this.redo, this.apply, this.recolor), this.looks.row(), this.hints.bar(), this.mask.bar()), this.#tones(), this.doubt,
      h("div.tools", {}, this.download, this.pairLink, zip, this.markLabel = h("label.check", {}, this.marked, t("mark")), this.again), this.facts);
    return this.element;
  }

  show(one) {
    this.photograph = one;
    const stale = isStale(one), kind = one.has_result ? "after" : "before";
    const right = { photograph: one, kind, label: t(stale ? "preview" : kind), preview: stale && previewAddress(one, PREVIEW_PX) };
    this.viewer.show({ photograph: one, kind: "before", label: t("before") }, right);
    if (!this.sliding) this.#setTone(one.tone);
    const busy = ["waiting", "working"].includes(one.state);
    this.apply.disabled = this.recolor.disabled = this.again.disabled = busy;
    // What would be taken home is not what is seen.
    this.download.hidden = this.pairLink.hidden = this.markLabel.hidden = !one.has_result || stale;
    this.#links();
    this.facts.textContent = this.#factsOf(one);
    this.#mode(this.mode);
  }

  #links() {
    if (document.activeElement !== this.marked) this.marked.checked = Boolean(visit.settings.mark);
    const mark = this.marked.checked ? `?mark=${language()}` : "", base = `/api/v1/photographs/${this.photograph?.number}`;
    this.download.href = `${base}/result${mark}`;
    this.pairLink.href = `${base}/pair${mark}`;
    this.zip.href = `/api/v1/results${mark}`;
  }

  #mode(name) {
    this.mode = name;
    const one = this.photograph;
    for (const button of this.modes) button.setAttribute("aria-pressed", String(button.dataset.mode === name));
    this.work.dataset.mode = name;
    this.mask.row.hidden = name !== "mask";
    this.hints.row.hidden = name !== "hints";
    this.doubt.hidden = name !== "confidence";
    this.looks.show(one, name === "looks");
    this.again.hidden = name === "mask" || !one.has_result || isBehind(one);
    this.tones.hidden = !["line", "side"].includes(name) || !one.has_result;
    if (this.viewer.mode !== name) this.viewer.setMode(name);
    // Coloring with the mask does the rest, too.
    this.apply.hidden = name === "mask" && one.has_mask || !isStale(one);
    this.recolor.hidden = !one.has_mask || !(name === "mask" || (one.strokes_unused && !isStale(one)));
    this.#steps();
  }

  #steps() {
    if (!this.work) return;
    const history = this.viewer.tool?.history, one = this.photograph;
    this.undo.hidden = this.redo.hidden = !history || !(this.mode === "mask" ? one.has_mask : one.has_result);
    this.undo.disabled = !history?.past.length;
    this.redo.disabled = !history?.future.length;
  }

  // A tall tool may have pushed the picture out of sight.
  async #apply() {
    this.viewer.scrollIntoView({ block: "nearest" });
    await this.hints.history.saving;
    await this.tab.color([this.photograph.number], isStale(this.photograph) ? this.photograph.made_with : undefined);
  }

  #factsOf(one) {
    const facts = [one.name, t("facts_size", { width: one.result_width_px || one.width_px, height: one.result_height_px || one.height_px })];
    if (!one.has_result) return [...facts, t(`state_${one.state}`)].join(" · ");
    facts.push(t("facts_made", { model: one.made_with.model }), t("facts_seconds", { seconds: one.seconds }));
    const settings = Object.entries(one.made_with.settings).map(([name, value]) => `${name.toUpperCase()}=${value}`).join(", ");
    if (settings) facts.push(t("facts_settings", { settings }));
    if (one.used_look > 1) facts.push(t("facts_look", { look: t(`look_${one.used_look}`) }));
    if (one.used_hints.length) facts.push(t("facts_hints", { count: one.used_hints.length }));
    const share = Number((100 * (one.glare_share ?? 0)).toPrecision(2));
    if (one.glare_share !== null && !one.masks_unused) facts.push(t(one.abstained ? "glare_abstained" : share ? "glare_share" : "glare_none", { share }));
    if (one.drawn) facts.push(t("mask_drawn"));
    return facts.join(" · ");
  }

  // -- strength and warmth --------------------------------------------------------------------------------------------------

  #tones() {
    const range = (name, min, max) => {
      const field = h("input", { type: "range", min, max, step: 0.01, id: name, oninput: () => this.#slide(), onchange: () => this.#saveTone() });
      const value = h("output", { for: name });
      this[name] = { field, value };
      return h("label.slider", { for: name }, t(name), field, value);
    };
    this.tones = h("div.tools", {}, range("strength", 0, 2), range("warmth", -1, 1),
      h("button", { type: "button", id: "tone-all", onclick: () => this.#toneAll() }, t("tone_all")),
      h("button.quiet", { type: "button", id: "tone-reset", onclick: () => { this.#setTone(NEUTRAL); this.#saveTone(); } }, t("tone_reset")));
    return this.tones;
  }

  #read() { return { strength: Number(this.strength.field.value), warmth: Number(this.warmth.field.value) }; }

  #setTone(tone) {
    for (const name of ["strength", "warmth"]) {
      this[name].field.value = tone[name];
      this[name].value.textContent = Number(tone[name]).toFixed(2);
    }
    this.viewer.setTone(this.photograph?.has_result ? tone : NEUTRAL);
  }

  #slide() {
    this.sliding = true;
    this.#setTone(this.#read());
  }

  #saveTone() {
    this.sliding = false;
    return this.#keep([this.photograph], this.#read());
  }

  async #toneAll() {
    await this.#keep(visit.list(), visit.photographs.get(this.photograph.number).tone);
  }

  #keep(photographs, tone) {
    return this.tab.attempt(async () => { for (const { number } of photographs) await ask(`/photographs/${number}`, { method: "PATCH", json: { tone } }); });
  }
}
