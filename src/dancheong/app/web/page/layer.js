// A picture in the viewer: small at once, the parts that are seen in tiles. And the tone that is put over it.

import { h, pictureAddress, tileAddress } from "./client.js";

const TILE_PX = 512;
const VIEW_PX = 1600;
const TILED = ["before", "after", "mask"];
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
export class Layer {
  constructor() {
    this.element = h("div.layer");
    this.tiles = new Map();
  }

  // Where another picture of this photograph is shown, the new one takes its place once it has come.
  async show(photograph, kind, alt, address = pictureAddress(photograph, kind, "view")) {
    if (this.wanted === address) return;
    this.wanted = address;
    // What does not come is asked for once more; until then no sign of a broken picture stands there.
    const image = h("img", { src: address, alt, draggable: "false", onerror: () => { image.remove(); if (this.wanted === address) this.wanted = null; } });
    if (this.photograph?.number === photograph.number) {
      await image.decode().catch(() => {});
      if (this.wanted !== address) return;
      if (!image.naturalWidth) { this.wanted = null; return; }
    }
    Object.assign(this, { photograph, kind, base: image });
    this.tiles.clear();
    this.element.replaceChildren(image);
    if (this.last) this.place(...this.last);
  }

  // `size` of the whole photograph; `view`: {x, y, scale} of the stage in screen pixels; `stage`: its width and height.
  place(size, view, stage) {
    this.last = [size, view, stage];
    this.element.style.cssText = `width:${size.width}px;height:${size.height}px;` +
      `transform:translate(${view.x}px,${view.y}px) scale(${view.scale})`;
    const sharpness = view.scale * devicePixelRatio;
    if (!this.base || !TILED.includes(this.kind) || Math.max(size.width, size.height) <= VIEW_PX || Math.max(size.width, size.height) * sharpness <= VIEW_PX * 1.1) {
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
