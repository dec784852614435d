// Curves as a drawing that follows the colors of the page.

import { h } from "./client.js";

const WIDTH = 520, HEIGHT = 220, LEFT = 64, BOTTOM = 28, TOP = 8, RIGHT = 8;

function svg(tag, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// `series`: [name, [[x, y], ...]], at least one with a point.
export function chart(title, xLabel, series) {
  const points = series.flatMap(([, of]) => of);
  const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
  const [x0, x1] = [Math.min(0, ...xs), Math.max(...xs)], [y0, y1] = [Math.min(0, ...ys), Math.max(...ys)];
  const atX = (x) => LEFT + (WIDTH - LEFT - RIGHT) * (x - x0) / (x1 - x0 || 1);
  const atY = (y) => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (y - y0) / (y1 - y0 || 1);
  const last = series.map(([name, of]) => `${name}: ${of.at(-1)[1].toPrecision(3)}`).join(", ");
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}. ${last}` });
  for (const y of [y0, (y0 + y1) / 2, y1]) {
    drawing.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: atY(y), y2: atY(y), class: "grid" }), svg("text", { x: LEFT - 6, y: atY(y) + 4, "text-anchor": "end" }, Number(y.toPrecision(3))));
  }
  for (const [x, anchor] of [[x0, "start"], [x1, "end"]]) drawing.append(svg("text", { x: atX(x), y: HEIGHT - 8, "text-anchor": anchor }, x));
  drawing.append(svg("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 8, "text-anchor": "middle" }, xLabel));
  series.forEach(([, of], at) => drawing.append(of.length > 1 ? svg("polyline", { points: of.map(([x, y]) => `${atX(x)},${atY(y)}`).join(" "), class: `curve c${at}` })
    : svg("circle", { cx: atX(of[0][0]), cy: atY(of[0][1]), r: 4, class: `curve dot c${at}` })));
  const legend = h("figcaption", {}, title, " ", series.map(([name], at) => h(`span.key.c${at}`, {}, name)));
  return h("figure.chart", {}, drawing, legend);
}
