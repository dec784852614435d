// <photo-viewer>: one photograph before and after, zoomed and moved by wheel, fingers and keys. Tools draw on it.

import { h, t } from "./client.js";
import { Layer, toneMatrix } from "./layer.js";

// How the two pictures lie in each mode; in all others the right one is alone.
const LAYOUTS = { line: "line", looks: "line", side: "side" };
const OVERLAYS = { mask: "has_mask", confidence: "has_result" };
const CLICK_PX = 5;

class PhotoViewer extends HTMLElement {
  view = { x: 0, y: 0, scale: 1 };
  position = 0.5;
  mode = "line";
  tone = { strength: 1, warmth: 0 };
  tools = {};  // by mode: {element, show(photograph), down(event), move(event), up(isClick), cancel(), key(event), place()}
  pointers = new Map();

  get tool() { return this.tools[this.mode]; }

  connectedCallback() {
    if (this.stage) return;
    this.left = new Layer();
    this.right = new Layer();
    this.over = new Layer();
    this.leftFrame = h("div.frame.leftframe", {}, this.left.element);
    this.rightFrame = h("div.frame.rightframe", {}, this.right.element);
    this.overFrame = h("div.frame.overframe", {}, this.over.element);
    this.handle = h("div.handle", {
      role: "slider", tabindex: "0", "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal",
    }, h("i", { "aria-hidden": "true" }));
    this.tags = [h("span.tag.lefttag"), h("span.tag.righttag")];
    this.stage = h("div.stage", { tabindex: "0", role: "group" }, this.rightFrame, this.leftFrame, this.overFrame,
      ...this.tags, this.handle);
    this.append(this.stage);
    this.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.stage.addEventListener("pointerdown", (event) => this.#down(event));
    this.stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) this.stage.addEventListener(name, (event) => this.#up(event));
    this.stage.addEventListener("dblclick", (event) => this.#double(event));
    this.stage.addEventListener("keydown", (event) => this.#key(event));
    // Undo and redo are meant wherever the focus is, but in a field that has its own.
    document.addEventListener("keydown", (event) => {
      const isElsewhere = this.stage.offsetParent && !this.stage.contains(event.target) && !event.target.closest?.("input[type=text], textarea, dialog");
      if (isElsewhere && this.tool?.history?.key(event)) event.preventDefault();
    });
    this.handle.addEventListener("keydown", (event) => this.#handleKey(event));
    new ResizeObserver(() => this.#resized()).observe(this.stage);
  }

  // What is drawn with in a mode.
  use(mode, tool) {
    this.connectedCallback();
    this.tools[mode] = tool;
    this.stage.append(tool.element);
  }

  // `left` and `right`: {photograph, kind, label}, the right one perhaps with the address of a preview. Tools are for the right one.
  show(left, right) {
    this.connectedCallback();
    const photograph = right.photograph;
    const same = this.photograph?.number === photograph.number;
    Object.assign(this, { photograph, pair: [left, right] });
    this.size = { width: photograph.result_width_px || photograph.width_px, height: photograph.result_height_px || photograph.height_px };
    this.tone = right.kind === "after" ? photograph.tone : { strength: 1, warmth: 0 };
    this.tags[0].textContent = left.label;
    this.single = left.kind === right.kind && left.photograph === right.photograph;
    this.#words();
    this.#pictures();
    if (!same) this.fit();
    for (const tool of Object.values(this.tools)) tool.show(photograph, !same);
    this.place();
  }

  setMode(mode) {
    this.mode = mode;
    if (!this.photograph) return;
    this.#pictures();
    this.#words();
    if (this.isFit) this.fit();
    else this.place();
  }

  #pictures() {
    const [left, right] = this.pair;
    this.left.show(left.photograph, left.kind, left.label);
    // Doubt and the mask are drawn on gray, where no color is taken for them.
    if (right.preview && !this.#overlaid) this.right.show(right.photograph, "preview", right.label, right.preview);
    else this.right.show(right.photograph, this.#overlaid ? "before" : right.kind, right.label);
    this.setTone(this.tone);
    if (!this.#overlaid) return;
    if (this.over.kind !== this.mode) {
      this.over = new Layer();
      this.overFrame.replaceChildren(this.over.element);
    }
    this.over.show(this.photograph, this.mode, "");
  }

  get #overlaid() { return this.mode in OVERLAYS && this.photograph[OVERLAYS[this.mode]]; }

  setTone(tone) {
    this.tone = tone;
    const neutral = tone.strength === 1 && tone.warmth === 0;
    const rows = toneMatrix(tone).map((row) => [...row, 0, 0].join(" "));
    document.querySelector("#tone feColorMatrix").setAttribute("values", [...rows, "0 0 0 1 0"].join("  "));
    this.rightFrame.style.filter = this.photograph && this.#overlaid ? "grayscale(1)" : neutral ? "" : "url(#tone)";
  }

  fit() {
    const box = this.#box();
    const whole = Math.min(box.width / this.size.width, box.height / this.size.height);
    // A panorama would be a thread: then its height is what fits.
    const scale = Math.max(whole, Math.min(1, 0.4 * box.height / this.size.height));
    this.view = { scale, x: (box.width - this.size.width * scale) / 2, y: (box.height - this.size.height * scale) / 2 };
    this.isFit = true;
    this.place();
  }

  // Zoom by a factor about a point of the stage; None: about its middle.
  zoom(factor, at) {
    const box = this.#box();
    const [x, y] = at ?? [box.width / 2, box.height / 2];
    const smallest = Math.min(1, box.width / this.size.width, box.height / this.size.height);
    // What is small fills the stage before it is enlarged, and can be enlarged from there.
    const largest = 8 * Math.max(1, Math.min(box.width / this.size.width, box.height / this.size.height));
    const scale = Math.min(Math.max(this.view.scale * factor, smallest), largest);
    const ratio = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * ratio, y: y - (y - this.view.y) * ratio };
    this.isFit = false;
    this.place();
  }

  full() { this.zoom(1 / devicePixelRatio / this.view.scale); }

  #words() {
    this.stage.setAttribute("aria-label", `${this.photograph.name}. ${t("stage")}. ${this.tool?.keys ?? ""}`);
    this.tags[1].textContent = this.mode === "confidence" ? t("mode_confidence") : this.#overlaid ? t("mode_mask") : this.pair[1].label;
    this.handle.setAttribute("aria-label", t("line"));
  }

  // The part of the stage that shows one picture: half of it side by side.
  #box() {
    const { clientWidth, clientHeight } = this.stage;
    return { width: LAYOUTS[this.mode] === "side" && !this.single ? clientWidth / 2 : clientWidth, height: clientHeight };
  }

  #resized() {
    if (!this.photograph) return;
    if (this.isFit) this.fit();
    else this.place();
  }

  place() {
    if (!this.photograph || !this.stage.clientWidth) return;
    const box = this.#box();
    // The middle of the stage stays on the photograph.
    const clamp = (at, length, room) => Math.min(Math.max(at, room / 2 - length), room / 2);
    this.view.x = clamp(this.view.x, this.size.width * this.view.scale, box.width);
    this.view.y = clamp(this.view.y, this.size.height * this.view.scale, box.height);
    const layout = !this.single && LAYOUTS[this.mode], side = layout === "side", line = layout === "line";
    this.dataset.mode = this.single ? "single" : this.mode;
    this.rightFrame.style.left = side ? "50%" : "0";
    this.leftFrame.style.right = side ? "50%" : "0";
    this.leftFrame.hidden = !(side || line);
    const at = this.position * box.width;
    this.leftFrame.style.clipPath = line ? `inset(0 ${box.width - at}px 0 0)` : "";
    this.handle.hidden = !line;
    this.handle.style.left = `${at}px`;
    this.handle.setAttribute("aria-valuenow", Math.round(100 * this.position));
    this.tags[0].hidden = this.leftFrame.hidden;
    this.tags[1].style.left = side ? "calc(50% + 8px)" : "auto";
    this.tags[1].style.right = side ? "auto" : "8px";
    this.left.place(this.size, this.view, box);
    this.right.place(this.size, this.view, box);
    this.overFrame.hidden = !this.#overlaid;
    if (this.#overlaid) this.over.place(this.size, this.view, box);
    this.stage.classList.toggle("zoomed", !this.isFit);
    for (const [mode, tool] of Object.entries(this.tools)) tool.element.hidden = mode !== this.mode;
    this.tool?.place();
  }

  // A place of the stage as shares of the photograph's width and height, and the other way round.
  share([x, y]) { return [(x - this.view.x) / this.view.scale / this.size.width, (y - this.view.y) / this.view.scale / this.size.height]; }
  spot([x, y]) { return [this.view.x + x * this.size.width * this.view.scale, this.view.y + y * this.size.height * this.view.scale]; }

  // -- zoom and move ------------------------------------------------------------------------------------------------------

  // Side by side a held pointer counts from the half where it came down, so that nothing leaps as it crosses the middle.
  at(event) {
    const edge = this.stage.getBoundingClientRect(), { width } = this.#box();
    const x = event.clientX - edge.left;
    if (!this.pointers.size) this.from = x > width ? width : 0;
    return [x - this.from, event.clientY - edge.top];
  }

  #wheel(event) {
    event.preventDefault();
    // A pinch on a touchpad comes as a wheel with Ctrl; some browsers count lines.
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 30 : 1) * (event.ctrlKey ? 0.01 : 0.0015)), this.at(event));
  }

  #double(event) {
    if (this.tool?.takesClicks) return;
    if (this.isFit) this.zoom(Math.max(2, 1 / devicePixelRatio / this.view.scale), this.at(event));
    else this.fit();
  }

  #down(event) {
    if (event.button) return;
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.at(event));
    const taken = !event.target.closest(".handle") && this.tool?.down(event);
    this.held = event.target.closest(".handle") ? "line" : taken ? "tool" : "move";
    this.began = this.at(event);
    this.isClick = true;
    if (this.pointers.size === 2) {
      this.tool?.cancel();
      this.held = "pinch";
    }
  }

  #move(event) {
    this.tool?.hover?.(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.at(event);
    if (Math.hypot(now[0] - this.began[0], now[1] - this.began[1]) > CLICK_PX) this.isClick = false;
    if (this.held === "line") {
      this.position = Math.min(1, Math.max(0, now[0] / this.#box().width));
    } else if (this.held === "tool") {
      this.tool?.move(event);
    } else if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const length = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
      this.zoom(length(now) / Math.max(1, length(before)), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
    } else if (event.pointerType !== "touch" || !this.isFit) {
      this.view.x += now[0] - before[0];
      this.view.y += now[1] - before[1];
    }
    this.pointers.set(event.pointerId, now);
    this.place();
  }

  #up(event) {
    this.pointers.delete(event.pointerId);
    if (this.pointers.size || !["tool", "move"].includes(this.held)) return;
    if (event.type === "pointercancel") this.tool?.cancel();
    else this.tool?.up(this.isClick && this.began);
  }

  #key(event) {
    if (this.tool?.key(event)) { event.preventDefault(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.stage) return;
    const step = 60;
    const actions = {
      "+": () => this.zoom(1.4), "=": () => this.zoom(1.4), "-": () => this.zoom(1 / 1.4), 0: () => this.fit(), 1: () => this.full(),
      ArrowLeft: () => { this.view.x += step; }, ArrowRight: () => { this.view.x -= step; },
      ArrowUp: () => { this.view.y += step; }, ArrowDown: () => { this.view.y -= step; },
      PageUp: () => this.dispatchEvent(new CustomEvent("step", { detail: -1 })),
      PageDown: () => this.dispatchEvent(new CustomEvent("step", { detail: 1 })),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
    this.place();
  }

  #handleKey(event) {
    const steps = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    this.position = Math.min(1, Math.max(0, this.position + steps[event.key]));
    this.place();
  }
}

customElements.define("photo-viewer", PhotoViewer);
