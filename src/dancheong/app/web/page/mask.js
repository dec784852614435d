// The mask of light reflection, painted on: strokes over what the detector has found.

import { ask, h, t } from "./client.js";
import { History } from "./history.js";

const MOST = 500;

export class MaskTool {
  history = new History("strokes");
  brush = { tool: "glare", radius: 0.02 };
  canvas = h("canvas.paint", { "aria-hidden": "true" });
  ring = h("div.ring", { hidden: true });
  element = h("div.over", {}, this.canvas, this.ring);

  constructor(viewer) {
    this.viewer = viewer;
    viewer.use("mask", this);
    viewer.stage.addEventListener("pointerleave", () => { this.ring.hidden = true; });
    this.history.addEventListener("change", () => this.place());
  }

  bar() {
    this.help = h("p.hint", { id: "mask-help" });
    this.tools = ["glare", "clear", "hand"].map((name) =>
      h("button", { type: "button", "data-tool": name, "aria-pressed": "false", onclick: () => this.#set({ tool: name }) }, t(`brush_${name}`)));
    this.radius = h("input", { type: "range", min: -2.7, max: -0.6, step: 0.01, id: "brush", oninput: () => this.#set({ radius: 10 ** this.radius.value }) });
    this.row = h("div.tools", { hidden: true }, this.help, this.tools, h("label.slider", { for: "brush" }, t("brush_size"), this.radius),
      h("button", { type: "button", id: "mask-reset", onclick: () => this.history.change([]) }, t("mask_reset")));
    return this.row;
  }

  show(photograph, isOther) {
    this.photograph = photograph;
    if (isOther) this.#load(photograph);
    this.help.textContent = t(photograph.has_mask ? "mask_help" : photograph.has_result ? "mask_none" : "mask_wait");
    for (const element of this.row.querySelectorAll("button, label")) element.hidden = !photograph.has_mask;
    this.#buttons();
  }

  async #load({ number, stroke_count: count }) {
    this.history.load(number, []);
    if (!count) return;
    const strokes = await ask(`/photographs/${number}/strokes`).catch(() => []);
    if (this.photograph.number === number && !this.history.past.length) this.history.load(number, strokes);
  }

  // -- what the viewer asks of a tool ---------------------------------------------------------------------------------------

  get takesClicks() { return this.brush.tool !== "hand"; }

  down(event) {
    if (this.brush.tool === "hand" || !this.photograph.has_mask) return false;
    this.stroke = { glare: this.brush.tool === "glare", radius: this.brush.radius, points: [this.#share(event)] };
    this.place();
    return true;
  }

  // A place that is no farther than the pen's width hides adds nothing, and the server takes 5000 of a stroke.
  move(event) {
    const [x, y] = this.#share(event), [lastX, lastY] = this.stroke?.points.at(-1) ?? [];
    if (Math.hypot(x - lastX, y - lastY) > this.brush.radius / 10) this.stroke.points.push([x, y]);
  }

  up() {
    if (!this.stroke) return;
    const strokes = [...this.history.items, this.stroke].slice(-MOST);
    this.stroke = null;
    this.history.change(strokes);
  }

  cancel() { this.stroke = null; }

  hover(event) {
    const { size, view } = this.viewer;
    const width = 2 * this.brush.radius * Math.max(size.width, size.height) * view.scale, [x, y] = this.viewer.at(event);
    this.ring.hidden = this.brush.tool === "hand" || event.pointerType === "touch";
    this.ring.style.cssText = `width:${width}px;height:${width}px;transform:translate(${x - width / 2}px,${y - width / 2}px)`;
  }

  key(event) {
    const factor = { "[": 0.8, "]": 1.25 }[event.key];
    if (factor) this.#set({ radius: this.brush.radius * factor });
    return Boolean(factor) || this.history.key(event);
  }

  place() {
    const { clientWidth: width, clientHeight: height } = this.viewer.stage, { size, view } = this.viewer;
    if (!size) return;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const pen = this.canvas.getContext("2d"), longer = Math.max(size.width, size.height) * view.scale;
    pen.clearRect(0, 0, width, height);
    for (const { glare, radius, points } of [...this.history.items, this.stroke].filter(Boolean)) {
      // What is erased shows in blue, because the mask below is a picture.
      pen.strokeStyle = glare ? "rgb(214 158 66 / .8)" : "rgb(60 110 200 / .7)";
      Object.assign(pen, { lineCap: "round", lineJoin: "round", lineWidth: 2 * radius * longer });
      pen.beginPath();
      for (const point of points.length > 1 ? points : [points[0], points[0]]) pen.lineTo(...this.viewer.spot(point));
      pen.stroke();
    }
    this.#buttons();
  }

  #share(event) {
    return this.viewer.share(this.viewer.at(event)).map((value) => Math.min(1.5, Math.max(-0.5, Number(value.toFixed(5)))));
  }

  #set(change) {
    Object.assign(this.brush, change);
    this.brush.radius = Math.min(0.25, Math.max(0.002, this.brush.radius));
    this.ring.hidden = true;
    this.viewer.stage.classList.toggle("hand", this.brush.tool === "hand");
    this.#buttons();
  }

  #buttons() {
    if (!this.row) return;
    for (const button of this.tools) button.setAttribute("aria-pressed", String(button.dataset.tool === this.brush.tool));
    this.radius.value = Math.log10(this.brush.radius);
  }
}
