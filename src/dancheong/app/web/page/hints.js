// Color hints: a click says that a color is there. A preview follows each change.

import { ask, h, language, t, visit } from "./client.js";
import { History } from "./history.js";

const ONE_PLACE = 0.002;  // as the server has it
const isSamePlace = (one, other) => one.x !== null && other.x !== null && Math.max(Math.abs(one.x - other.x), Math.abs(one.y - other.y)) < ONE_PLACE;

export class HintTool {
  history = new History("hints");
  element = h("div.over.pins");
  color = "석간주";
  chosen = null;  // the number of the hint that is changed
  held = null;
  pigments = [];
  takesClicks = true;

  constructor(viewer) {
    this.viewer = viewer;
    viewer.use("hints", this);
    this.history.addEventListener("change", () => this.#changed());
    this.history.addEventListener("saved", () => visit.refresh().catch(() => {}));
  }

  bar() {
    const button = (id, act, text) => h("button", { type: "button", id, onclick: act }, text);
    this.help = h("p.hint", { id: "hints-help" });
    this.palette = h("div.palette", { role: "group", "aria-label": t("pigments") });
    this.likely = h("div.palette", { role: "group", "aria-label": t("likely_colors") });
    this.picker = h("input", { type: "color", id: "hint-color", oninput: () => this.#draw(), onchange: () => this.#use(this.picker.value) });
    this.anywhere = h("div.palette", { role: "group", "aria-label": t("hints_anywhere") });
    this.drop = button("hint-remove", () => this.#remove(), t("hint_remove"));
    this.clear = button("hints-remove", () => this.history.change([]), t("hints_remove"));
    this.said = h("span.said", { role: "status", id: "hint-said" });
    this.row = h("div.tools", { hidden: true }, this.help, this.palette, h("label.check", { for: "hint-color" }, t("hint_color"), this.picker),
      this.likelyBox = h("div.likely", { hidden: true }, h("span.hint", {}, t("likely_colors")), this.likely),
      button("hint-anywhere", () => this.#add(), t("hint_anywhere")),
      this.anywhereBox = h("div.likely", { hidden: true }, h("span.hint", {}, t("hints_anywhere")), this.anywhere, this.anywhereSaid = h("span.hint", { role: "status" })),
      this.said, this.drop, this.clear);
    this.#pigments();
    return this.row;
  }

  async #pigments() {
    this.pigments = await ask(`/pigments?language=${language()}`).catch(() => []);
    this.palette.replaceChildren(...this.pigments.map((one) => this.#swatch(one.name, one.hex, this.#name(one.name), one.meaning)));
    this.#draw();
  }

  #swatch(color, hex, name, meaning) {
    return h("button.swatch", { type: "button", "data-color": color, "aria-pressed": "false", "aria-label": [name, meaning].filter(Boolean).join(": "), title: meaning ?? name,
      onclick: () => this.#use(color) }, h("i", { style: `background:${hex}` }), name === hex ? "" : h("span", {}, name));
  }

  show(photograph, isOther) {
    this.photograph = photograph;
    // What another window has changed comes in here.
    const known = JSON.stringify(photograph.hints) === JSON.stringify(this.history.items);
    if (isOther || (!known && this.history.isOlderThan(photograph))) {
      this.chosen = null;
      this.history.load(photograph.number, photograph.hints);
    }
    this.help.textContent = t(photograph.has_result ? "hints_help" : "hints_wait");
    for (const element of this.row.querySelectorAll("button, label")) element.hidden = !photograph.has_result;
    this.#draw();
  }

  get keys() { return t("hints_keys"); }

  // -- what the viewer asks of a tool ---------------------------------------------------------------------------------------

  down(event) {
    const pin = event.target.closest(".pin");
    if (!pin) return false;  // the photograph can be moved; a click adds
    this.held = Number(pin.dataset.number);
    this.#choose(this.held);
    return true;
  }

  move(event) {
    if (this.held === null) return;
    this.moved = this.#place(this.viewer.at(event));
    this.place();
  }

  up(click) {
    const { held, moved } = this;
    this.cancel();
    if (moved && !click) this.#replace(held, moved);
    else if (click && held === null) this.#add(this.viewer.share(click));
  }

  cancel() { this.held = this.moved = null; }

  key(event) {
    if (["Delete", "Backspace"].includes(event.key) && this.chosen !== null) { this.#remove(); return true; }
    if (event.key === "Enter" && event.target === this.viewer.stage) {
      const { clientWidth, clientHeight } = this.viewer.stage;
      this.#add(this.viewer.share([clientWidth / 2, clientHeight / 2]));
      return true;
    }
    return this.history.key(event);
  }

  place() {
    for (const pin of this.element.children) {
      const number = Number(pin.dataset.number), { x, y } = number === this.held && this.moved ? this.moved : this.history.items[number];
      pin.hidden = x === null;
      const [left, top] = this.viewer.spot([x, y]);
      pin.style.transform = `translate(${left}px,${top}px)`;
    }
  }

  // -- hints ----------------------------------------------------------------------------------------------------------------

  // A color without a place occurs somewhere; what is chosen next is the next one's color, not this one's.
  #add(at) {
    if (!this.photograph.has_result || at?.some((share) => share < 0 || share > 1)) return;
    const [x, y] = at?.map((share) => Number(share.toFixed(5))) ?? [null, null];
    const there = at ? this.history.items.findIndex((hint) => hint.x === x && hint.y === y) : -1;
    if (there >= 0) { this.#choose(there); return; }
    this.chosen = at ? this.history.items.length : null;
    this.history.change([...this.history.items, { x, y, color: this.color }]);
    if (at) this.#choose(this.chosen);
  }

  #place(at) {
    const [x, y] = this.viewer.share(at).map((value) => Number(Math.min(1, Math.max(0, value)).toFixed(5)));
    return { x, y };
  }

  #replace(number, change) {
    this.history.change(this.history.items.map((hint, at) => (at === number ? { ...hint, ...change } : hint)));
  }

  // A color is for the chosen hint, and for the next.
  #use(color) {
    this.color = color;
    if (this.chosen !== null && this.history.items[this.chosen]?.color !== color) this.#replace(this.chosen, { color });
    else this.#draw();
  }

  #remove() {
    const gone = this.chosen;
    if (gone === null) { this.isAsking = true; this.#draw(); return; }
    this.chosen = null;
    this.history.change(this.history.items.filter((_, at) => at !== gone));
    this.viewer.stage.focus({ preventScroll: true });
  }

  async #choose(number) {
    this.chosen = number;
    this.isAsking = false;
    const { x, y, color } = this.history.items[number], photograph = this.photograph;
    this.color = color;
    this.likely.replaceChildren();
    this.#draw();
    if (x === null) return;
    const colors = await ask(`/photographs/${photograph.number}/colors?${new URLSearchParams({ x, y })}`).catch(() => []);
    if (this.chosen !== number || this.photograph.number !== photograph.number) return;
    this.likely.replaceChildren(...colors.map((one) => this.#swatch(one, one, one)));
    this.#draw();
  }

  #changed() {
    this.isAsking = false;
    if (this.chosen !== null && this.chosen >= this.history.items.length) this.chosen = null;
    if (this.chosen !== null) this.color = this.history.items[this.chosen].color;
    this.#draw();
  }

  #pin(at) {
    return h("button.pin", { type: "button", "data-number": at, onfocus: () => { if (this.chosen !== at) this.#choose(at); } }, h("i"));
  }

  #hex(color) { return this.pigments.find((one) => one.name === color || one.english === color)?.hex ?? color; }

  #name(color) {
    const one = this.pigments.find((known) => known.name === color);
    return one && language() !== "ko" ? one.english : color;
  }

  #draw() {
    if (!this.row) return;
    const hints = this.history.items, number = this.chosen === null ? null : this.chosen + 1;
    while (this.element.children.length > hints.length) this.element.lastChild.remove();
    while (this.element.children.length < hints.length) this.element.append(this.#pin(this.element.children.length));
    hints.forEach((hint, at) => {
      const pin = this.element.children[at];
      pin.setAttribute("aria-pressed", String(at === this.chosen));
      pin.setAttribute("aria-label", t("hint_at", { number: at + 1, color: this.#name(hint.color) }));
      pin.firstChild.style.background = this.#hex(hint.color);
    });
    for (const swatch of this.row.querySelectorAll(".swatch[data-color]")) swatch.setAttribute("aria-pressed", String(swatch.dataset.color === this.color));
    const hex = this.#hex(this.color);
    if (/^#[0-9a-f]{6}$/i.test(hex) && document.activeElement !== this.picker) this.picker.value = hex.toLowerCase();
    this.drop.disabled = this.clear.disabled = !hints.length;
    const somewhere = hints.flatMap((hint, at) => (hint.x === null ? [at] : []));
    this.anywhere.replaceChildren(...somewhere.map((at) => h("button.swatch", {
      type: "button", "aria-pressed": String(at === this.chosen), "aria-label": t("hint_at", { number: at + 1, color: this.#name(hints[at].color) }),
      onclick: () => this.#choose(at) }, h("i", { style: `background:${this.#hex(hints[at].color)}` }))));
    this.anywhereBox.hidden = !somewhere.length;
    this.anywhereSaid.textContent = t(somewhere.length === 1 ? "anywhere_one" : "anywhere_many");
    this.likelyBox.hidden = number === null || !this.likely.children.length;
    this.said.textContent = number ? t("hint_chosen", { number, count: hints.length, color: this.#name(this.color) }) : this.isAsking ? t("hint_choose") : hints.length ? t("hint_count", { count: hints.length }) : "";
    if (hints.some((one, at) => hints.slice(0, at).some((other) => isSamePlace(one, other) && one.color !== other.color))) this.said.textContent += ` ${t("hints_averaged")}`;
    if (this.viewer.size) this.place();
  }
}
