// <photo-viewer>: one photograph before and after, zoomed and moved by wheel, fingers and keys; its mask, painted on.

import { ask, h, pictureAddress, t, tileAddress } from "./client.js";

const TILE_PX = 512;
const VIEW_PX = 1600;
const LUMINANCE = [0.212671, 0.71516, 0.072169];

// The matrix of strength and warmth on linear light; the server's downloads use the same one.
export function toneMatrix({ strength, warmth }) {
  const gains = [1 + 0.25 * warmth, 1, 1 - 0.25 * warmth];
  const rows = [0, 1, 2];
  const gray = rows.map((i) => rows.map((j) => (i === j ? strength : 0) + (1 - strength) * LUMINANCE[j]));
  const warm = rows.map((i) => rows.map((j) => (i === j ? gains[i] : 0) + LUMINANCE[j] * (1 - gains[j])));
  return rows.map((i) => rows.map((j) => rows.reduce((sum, k) => sum + warm[i][k] * gray[k][j], 0)));
}

// A picture of any size in an element that is moved and scaled; the parts that are seen come in tiles where it is large.
class Layer {
  constructor() {
    this.element = h("div.layer");
    this.tiles = new Map();
  }

  show(photograph, kind, alt) {
    const address = pictureAddress(photograph, kind, "view");
    if (this.address === address) return;
    Object.assign(this, { address, photograph, kind });
    this.tiles.clear();
    this.base = h("img", { src: address, alt, draggable: "false" });
    this.element.replaceChildren(this.base);
  }

  // `size` of the whole photograph; `view`: {x, y, scale} of the stage in screen pixels; `stage`: its width and height.
  place(size, view, stage) {
    this.element.style.cssText = `width:${size.width}px;height:${size.height}px;` +
      `transform:translate(${view.x}px,${view.y}px) scale(${view.scale})`;
    const sharpness = view.scale * devicePixelRatio;
    if (!this.base || Math.max(size.width, size.height) <= VIEW_PX || Math.max(size.width, size.height) * sharpness <= VIEW_PX * 1.1) {
      return;
    }
    const level = Math.max(0, Math.min(8, Math.floor(Math.log2(1 / sharpness))));
    const side = TILE_PX * 2 ** level;
    const first = [Math.max(0, -view.x / view.scale), Math.max(0, -view.y / view.scale)].map((at) => Math.floor(at / side));
    const last = [
      Math.min(size.width, (stage.width - view.x) / view.scale), Math.min(size.height, (stage.height - view.y) / view.scale),
    ].map((at) => Math.ceil(at / side) - 1);
    for (let row = first[1]; row <= last[1]; row++) {
      for (let column = first[0]; column <= last[0]; column++) this.#tile(size, level, side, column, row);
    }
    // The oldest go when there are many.
    for (const [key, tile] of this.tiles) {
      if (this.tiles.size <= 150) break;
      tile.remove();
      this.tiles.delete(key);
    }
  }

  #tile(size, level, side, column, row) {
    const key = `${level}/${column}/${row}`;
    if (this.tiles.has(key)) return;
    const [x, y] = [column * side, row * side];
    const width = Math.min(side, size.width - x), height = Math.min(side, size.height - y);
    const tile = h("img.tile", {
      src: tileAddress(this.photograph, this.kind, level, column, row), alt: "", draggable: "false",
      style: `left:${x}px;top:${y}px;width:${width}px;height:${height}px;z-index:${9 - level}`,
    });
    tile.onerror = () => { tile.remove(); this.tiles.delete(key); };
    this.tiles.set(key, tile);
    this.element.append(tile);
  }
}

class PhotoViewer extends HTMLElement {
  view = { x: 0, y: 0, scale: 1 };
  position = 0.5;
  mode = "line";
  tone = { strength: 1, warmth: 0 };
  strokes = [];
  undone = [];
  brush = { tool: "glare", radius: 0.02 };
  pointers = new Map();

  connectedCallback() {
    if (this.stage) return;
    this.left = new Layer();
    this.right = new Layer();
    this.mask = new Layer();
    this.canvas = h("canvas.paint", { "aria-hidden": "true" });
    this.leftFrame = h("div.frame.leftframe", {}, this.left.element);
    this.rightFrame = h("div.frame.rightframe", {}, this.right.element);
    this.maskFrame = h("div.frame.maskframe", {}, this.mask.element);
    this.handle = h("div.handle", {
      role: "slider", tabindex: "0", "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal",
    }, h("i", { "aria-hidden": "true" }));
    this.tags = [h("span.tag.lefttag"), h("span.tag.righttag")];
    this.ring = h("div.ring", { hidden: true });
    this.stage = h("div.stage", { tabindex: "0", role: "group" }, this.rightFrame, this.leftFrame, this.maskFrame, this.canvas,
      ...this.tags, this.handle, this.ring);
    this.append(this.stage);
    this.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.stage.addEventListener("pointerdown", (event) => this.#down(event));
    this.stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) this.stage.addEventListener(name, (event) => this.#up(event));
    this.stage.addEventListener("pointerleave", () => { this.ring.hidden = true; });
    this.stage.addEventListener("dblclick", (event) => this.#double(event));
    this.stage.addEventListener("keydown", (event) => this.#key(event));
    this.handle.addEventListener("keydown", (event) => this.#handleKey(event));
    new ResizeObserver(() => this.#resized()).observe(this.stage);
  }

  // `left` and `right`: {photograph, kind, label}; the right one's mask is the one that is painted on.
  show(left, right) {
    this.connectedCallback();
    const photograph = right.photograph;
    const same = this.photograph?.number === photograph.number;
    Object.assign(this, { photograph, pair: [left, right] });
    this.size = { width: photograph.result_width_px || photograph.width_px, height: photograph.result_height_px || photograph.height_px };
    this.left.show(left.photograph, left.kind, left.label);
    this.right.show(right.photograph, right.kind, right.label);
    this.tone = right.kind === "after" ? photograph.tone : { strength: 1, warmth: 0 };
    this.leftToned = left.kind === "after";
    this.tags[0].textContent = left.label;
    this.tags[1].textContent = right.label;
    this.single = left.kind === right.kind && left.photograph === right.photograph;
    this.#words();
    if (!same) {
      this.strokes = [];
      this.undone = [];
      this.fit();
      if (photograph.stroke_count) this.#loadStrokes(photograph);
    }
    if (this.mode === "mask" && photograph.has_mask) this.mask.show(photograph, "mask", "");
    this.setTone(this.tone);
    this.#place();
  }

  setMode(mode) {
    this.mode = mode;
    if (mode === "mask" && this.photograph?.has_mask) this.mask.show(this.photograph, "mask", "");
    this.#place();
  }

  setTone(tone) {
    this.tone = tone;
    const neutral = tone.strength === 1 && tone.warmth === 0;
    const rows = toneMatrix(tone).map((row) => [...row, 0, 0].join(" "));
    document.querySelector("#tone feColorMatrix").setAttribute("values", [...rows, "0 0 0 1 0"].join("  "));
    this.rightFrame.style.filter = neutral ? "" : "url(#tone)";
  }

  fit() {
    const box = this.#box();
    const whole = Math.min(box.width / this.size.width, box.height / this.size.height);
    // A panorama would be a thread: then its height is what fits.
    const scale = Math.max(whole, Math.min(1, 0.4 * box.height / this.size.height));
    this.view = { scale, x: (box.width - this.size.width * scale) / 2, y: (box.height - this.size.height * scale) / 2 };
    this.isFit = true;
    this.#place();
  }

  // Zoom by a factor about a point of the stage; None: about its middle.
  zoom(factor, at) {
    const box = this.#box();
    const [x, y] = at ?? [box.width / 2, box.height / 2];
    const smallest = Math.min(1, box.width / this.size.width, box.height / this.size.height);
    const scale = Math.min(Math.max(this.view.scale * factor, smallest), Math.max(8, smallest));
    const ratio = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * ratio, y: y - (y - this.view.y) * ratio };
    this.isFit = false;
    this.#place();
  }

  full() { this.zoom(1 / devicePixelRatio / this.view.scale); }

  #words() {
    this.stage.setAttribute("aria-label", `${this.photograph.name}. ${t("stage")}`);
    this.handle.setAttribute("aria-label", t("line"));
  }

  // The part of the stage that shows one picture: half of it side by side.
  #box() {
    const { clientWidth, clientHeight } = this.stage;
    return { width: this.mode === "side" && !this.single ? clientWidth / 2 : clientWidth, height: clientHeight };
  }

  #resized() {
    if (!this.photograph) return;
    if (this.isFit) this.fit();
    else this.#place();
  }

  #place() {
    if (!this.photograph || !this.stage.clientWidth) return;
    const box = this.#box();
    // The middle of the stage stays on the photograph.
    const clamp = (at, length, room) => Math.min(Math.max(at, room / 2 - length), room / 2);
    this.view.x = clamp(this.view.x, this.size.width * this.view.scale, box.width);
    this.view.y = clamp(this.view.y, this.size.height * this.view.scale, box.height);
    const side = this.mode === "side" && !this.single, line = this.mode === "line" && !this.single;
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
    const masked = this.mode === "mask";
    this.maskFrame.hidden = !masked;
    this.canvas.hidden = !masked;
    this.left.place(this.size, this.view, box);
    this.right.place(this.size, this.view, box);
    if (masked) {
      this.mask.place(this.size, this.view, box);
      this.#paint();
    }
  }

  // -- zoom and move ------------------------------------------------------------------------------------------------------

  #at(event) {
    const edge = this.stage.getBoundingClientRect(), box = this.#box();
    const x = event.clientX - edge.left;
    return [x > box.width ? x - box.width : x, event.clientY - edge.top];
  }

  #wheel(event) {
    // Without a photograph larger than the stage the page itself scrolls, unless a key or a pinch asks for more.
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), this.#at(event));
  }

  #double(event) {
    if (this.mode === "mask" && this.brush.tool !== "hand") return;
    if (this.isFit) this.zoom(Math.max(2, 1 / devicePixelRatio / this.view.scale), this.#at(event));
    else this.fit();
  }

  #down(event) {
    if (event.button) return;
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.#at(event));
    this.held = event.target.closest(".handle") ? "line" : this.mode === "mask" && this.brush.tool !== "hand" ? "paint" : "move";
    if (this.pointers.size === 2) {
      if (this.held === "paint" || this.painting) { this.strokes.pop(); this.painting = false; }
      this.held = "pinch";
    }
    if (this.held === "paint") {
      if (!this.photograph.has_mask) return;
      this.painting = true;
      this.strokes.push({ glare: this.brush.tool === "glare", radius: this.brush.radius, points: [this.#share(event)] });
      this.undone = [];
      this.#paint();
    }
  }

  #move(event) {
    if (this.mode === "mask") this.#showRing(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#at(event);
    if (this.held === "line") {
      this.position = Math.min(1, Math.max(0, now[0] / this.#box().width));
    } else if (this.held === "paint") {
      if (this.painting) this.strokes.at(-1).points.push(this.#share(event));
    } else if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const length = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
      this.zoom(length(now) / Math.max(1, length(before)), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
    } else if (event.pointerType !== "touch" || !this.isFit) {
      this.view.x += now[0] - before[0];
      this.view.y += now[1] - before[1];
    }
    this.pointers.set(event.pointerId, now);
    this.stage.classList.toggle("zoomed", !this.isFit);
    this.#place();
  }

  #up(event) {
    this.pointers.delete(event.pointerId);
    if (this.painting && !this.pointers.size) {
      this.painting = false;
      this.saveStrokes();
    }
  }

  #key(event) {
    const undo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (undo && this.mode === "mask") { event.shiftKey ? this.redo() : this.undo(); event.preventDefault(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.stage) return;
    const step = 60;
    const actions = {
      "+": () => this.zoom(1.4), "=": () => this.zoom(1.4), "-": () => this.zoom(1 / 1.4), 0: () => this.fit(), 1: () => this.full(),
      ArrowLeft: () => { this.view.x += step; }, ArrowRight: () => { this.view.x -= step; },
      ArrowUp: () => { this.view.y += step; }, ArrowDown: () => { this.view.y -= step; },
      "[": () => this.setBrush({ radius: this.brush.radius / 1.25 }), "]": () => this.setBrush({ radius: this.brush.radius * 1.25 }),
      PageUp: () => this.dispatchEvent(new CustomEvent("step", { detail: -1 })),
      PageDown: () => this.dispatchEvent(new CustomEvent("step", { detail: 1 })),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
    this.#place();
  }

  #handleKey(event) {
    const steps = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    this.position = Math.min(1, Math.max(0, this.position + steps[event.key]));
    this.#place();
  }

  // -- the mask -----------------------------------------------------------------------------------------------------------

  #share(event) {
    const [x, y] = this.#at(event);
    const inside = (value) => Math.min(1.5, Math.max(-0.5, Number(value.toFixed(5))));
    return [inside((x - this.view.x) / this.view.scale / this.size.width), inside((y - this.view.y) / this.view.scale / this.size.height)];
  }

  #showRing(event) {
    const size = 2 * this.brush.radius * Math.max(this.size.width, this.size.height) * this.view.scale;
    const [x, y] = this.#at(event);
    this.ring.hidden = this.brush.tool === "hand" || event.pointerType === "touch";
    this.ring.style.cssText = `width:${size}px;height:${size}px;transform:translate(${x - size / 2}px,${y - size / 2}px)`;
  }

  #paint() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    const longer = Math.max(this.size.width, this.size.height) * this.view.scale;
    for (const stroke of this.strokes) {
      // What is erased shows in blue, because the mask below is a picture.
      pen.strokeStyle = stroke.glare ? "rgb(214 158 66 / .8)" : "rgb(60 110 200 / .7)";
      Object.assign(pen, { lineCap: "round", lineJoin: "round", lineWidth: 2 * stroke.radius * longer });
      pen.beginPath();
      const points = stroke.points.length > 1 ? stroke.points : [stroke.points[0], stroke.points[0]];
      for (const [x, y] of points) {
        pen.lineTo(this.view.x + x * this.size.width * this.view.scale, this.view.y + y * this.size.height * this.view.scale);
      }
      pen.stroke();
    }
    this.dispatchEvent(new Event("strokes"));
  }

  setBrush(change) {
    Object.assign(this.brush, change);
    this.brush.radius = Math.min(0.25, Math.max(0.002, this.brush.radius));
    this.ring.hidden = true;
    this.stage.classList.toggle("hand", this.brush.tool === "hand");
    this.dispatchEvent(new Event("strokes"));
  }

  undo() {
    if (!this.strokes.length) return;
    this.undone.push(this.strokes.pop());
    this.saveStrokes();
    this.#place();
  }

  redo() {
    if (!this.undone.length) return;
    this.strokes.push(this.undone.pop());
    this.saveStrokes();
    this.#place();
  }

  forgetStrokes() {
    this.strokes = [];
    this.undone = [];
    this.saveStrokes();
    this.#place();
  }

  // What was drawn is kept with the visit at once; without a connection it is tried again.
  saveStrokes() {
    const { number } = this.photograph, strokes = this.strokes.slice(-500);
    this.saving = (this.saving ?? Promise.resolve()).then(async () => {
      for (;;) {
        try {
          return await ask(`/photographs/${number}/strokes`, { method: "PUT", json: strokes });
        } catch (problem) {
          if (problem.status) return null;
          await new Promise((go) => setTimeout(go, 1000));
        }
      }
    });
  }

  async #loadStrokes(photograph) {
    const strokes = await ask(`/photographs/${photograph.number}/strokes`).catch(() => []);
    if (this.photograph.number !== photograph.number || this.strokes.length) return;
    this.strokes = strokes;
    this.#place();
  }
}

customElements.define("photo-viewer", PhotoViewer);
