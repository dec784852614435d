// The viewer: before | after under a line that moves, and the mask of light reflection to paint on.
// gradio hands in `element`, `props`, `trigger` and `watch`; `props.value` is JSON, made by panels.py.
const words = props.words;
const state = { items: [], zip: "", number: null, mode: "slider", zoom: "fit", position: 50, brush: "glare", sizes: {} };
const strokes = {}; // by photograph and version: [{brush, radius, points: [[x, y], ...]}], in shares of the picture's width

const root = document.createElement("section");
root.className = "viewer";
root.innerHTML = `
  <div class="empty" data-part="empty"></div>
  <div data-part="full" hidden>
    <div class="bar">
      <div class="choice" role="group" data-part="modes">
        <button type="button" data-mode="slider"></button><button type="button" data-mode="mask"></button>
      </div>
      <div class="choice" role="group" data-part="zooms">
        <button type="button" data-zoom="fit"></button><button type="button" data-zoom="full"></button>
      </div>
      <span class="space"></span>
      <a class="get" data-part="zip" download></a>
      <a class="get strong" data-part="download" download></a>
    </div>
    <div class="problem" data-part="problem" role="alert" hidden></div>
    <div data-part="work">
      <div class="tools" data-part="tools" hidden>
        <p data-part="maskhelp"></p>
        <div class="toolrow">
          <div class="choice" role="group">
            <button type="button" data-brush="glare"></button><button type="button" data-brush="clear"></button>
          </div>
          <label><span data-part="brushlabel"></span> <input type="range" data-part="brushsize" min="5" max="120" value="30"></label>
          <button type="button" class="plain" data-part="undo"></button>
          <button type="button" class="plain" data-part="reset"></button>
          <button type="button" class="strong" data-part="recolor"></button>
        </div>
      </div>
      <div class="window" data-part="window">
        <div class="frame" data-part="frame">
          <div class="stage" data-part="stage">
            <img class="right" data-part="right" alt="" draggable="false">
            <img class="left" data-part="left" alt="" draggable="false">
            <canvas data-part="canvas" hidden></canvas>
            <div class="ring" data-part="ring" hidden></div>
          </div>
        </div>
        <div class="line" data-part="line"><span></span></div>
        <span class="tag" data-part="tagleft"></span><span class="tag" data-part="tagright"></span>
      </div>
      <input type="range" class="position" data-part="position" min="0" max="100" step="0.1" value="50">
      <p class="facts" data-part="facts"></p>
    </div>
    <div class="strip" data-part="strip" role="list"></div>
  </div>`;
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const all = (selector) => [...root.querySelectorAll(selector)];

for (const [selector, key] of [
  ['[data-mode="slider"]', "view_slider"], ['[data-mode="mask"]', "view_mask"], ['[data-zoom="fit"]', "zoom_fit"],
  ['[data-zoom="full"]', "zoom_full"], ['[data-part="download"]', "download"], ['[data-part="zip"]', "download_all"],
  ['[data-brush="glare"]', "brush_glare"], ['[data-brush="clear"]', "brush_clear"], ['[data-part="brushlabel"]', "brush_size"],
  ['[data-part="undo"]', "undo"], ['[data-part="reset"]', "mask_reset"], ['[data-part="recolor"]', "recolor"],
  ['[data-part="empty"]', "empty"],
]) root.querySelector(selector).textContent = words[key];
part("position").setAttribute("aria-label", words.slider_hint);

const current = () => state.items.find((item) => item.number === state.number);
const own = () => (strokes[`${state.number}/${current().version}`] ??= []);

function read() {
  const value = props.value ? JSON.parse(props.value) : { items: [], zip: "" };
  state.items = value.items;
  state.zip = value.zip;
  if (!current()) state.number = state.items.length ? state.items[0].number : null;
  if (value.select != null && state.items.some((item) => item.number === value.select)) state.number = value.select;
  render();
}

function render() {
  if (!element.contains(root)) element.append(root);
  const item = current();
  part("empty").hidden = !!item;
  part("full").hidden = !item;
  if (!item) return;
  const can_mask = item.done && !!item.mask;
  if (!can_mask) state.mode = "slider";
  for (const button of all("[data-mode]")) press(button, button.dataset.mode === state.mode);
  for (const button of all("[data-zoom]")) press(button, button.dataset.zoom === state.zoom);
  for (const button of all("[data-brush]")) press(button, button.dataset.brush === state.brush);
  part("modes").hidden = !can_mask && !item.mask_note;
  root.querySelector('[data-mode="mask"]').disabled = !can_mask;
  root.querySelector('[data-mode="mask"]').title = can_mask ? "" : item.mask_note;
  part("zooms").hidden = !item.done;
  link(part("download"), item.download, item.name);
  link(part("zip"), state.zip, "");
  part("problem").hidden = !item.error;
  part("problem").textContent = item.error ? `${item.name}: ${item.error}` : "";
  part("work").hidden = !item.done;
  if (item.done) show(item);
  strip();
}

function press(button, on) { button.setAttribute("aria-pressed", on ? "true" : "false"); }
function link(anchor, url, name) { anchor.hidden = !url; if (url) { anchor.href = url; anchor.download = name; } }
function source(image, url) { if (image.getAttribute("src") !== url) image.src = url; }

function show(item) {
  const size = state.zoom === "full" ? "full" : "view";
  const masking = state.mode === "mask";
  const stage = part("stage");
  stage.style.aspectRatio = `${item.width} / ${item.height}`;
  part("frame").classList.toggle("scrolls", state.zoom === "full");
  stage.style.width = state.zoom === "full" ? `${item.width / window.devicePixelRatio}px`
    : `min(100%, calc(66vh * ${item.width / item.height}))`;
  stage.classList.toggle("masking", masking);
  source(part("left"), item.left.replace("SIZE", size));
  if (!masking) source(part("right"), item.right.replace("SIZE", size));
  part("left").alt = item.left_label;
  part("right").alt = item.right_label;
  part("tagleft").textContent = item.left_label;
  part("tagright").textContent = item.right_label;
  for (const name of ["right", "line", "tagleft", "tagright", "position"]) part(name).hidden = masking;
  part("tools").hidden = part("canvas").hidden = !masking;
  part("facts").textContent = item.facts;
  part("maskhelp").textContent = item.drawn ? `${words.mask_help} ${words.mask_drawn}` : words.mask_help;
  part("reset").hidden = !item.drawn;
  move(state.position);
  if (masking) open_mask(item);
}

function strip() {
  const place = part("strip");
  place.hidden = state.items.length < 2;
  place.replaceChildren(...state.items.map((item, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = item.name;
    press(button, item.number === state.number);
    const label = words.photo_of.replace("{number}", index + 1).replace("{total}", state.items.length);
    button.setAttribute("aria-label", `${label}: ${item.name}`);
    if (item.done) {
      const image = document.createElement("img");
      image.loading = "lazy";
      image.alt = "";
      image.src = item.right.replace("SIZE", "small");
      button.append(image);
    } else button.append(Object.assign(document.createElement("i"), { textContent: "!" }));
    button.append(Object.assign(document.createElement("small"), { textContent: item.name }));
    button.onclick = () => { state.number = item.number; render(); };
    return button;
  }));
}

// -- the line ------------------------------------------------------------------------------------------------------------
// It goes across what is seen of the picture, so that it is never out of sight at full size.
function seen() {
  const outer = part("window").getBoundingClientRect();
  const stage = part("stage").getBoundingClientRect();
  return { outer, stage, left: Math.max(outer.left, stage.left), right: Math.min(outer.right, stage.right) };
}
function move(position) {
  state.position = Math.min(100, Math.max(0, position));
  const { outer, stage, left, right } = seen();
  const x = left + ((right - left) * state.position) / 100;
  part("stage").style.setProperty("--position", `${x - stage.left}px`);
  part("line").style.left = `${x - outer.left}px`;
  part("tagleft").style.left = `${left - outer.left + 12}px`;
  part("tagright").style.right = `${outer.right - right + 12}px`;
  part("position").value = state.position;
}
part("position").oninput = (event) => move(+event.target.value);
part("frame").addEventListener("scroll", () => move(state.position));
new ResizeObserver(() => move(state.position)).observe(part("stage"));
let dragging = false;
let panning = null;
const follow = (event) => { const { left, right } = seen(); move((100 * (event.clientX - left)) / (right - left)); };
part("window").addEventListener("pointerdown", (event) => {
  if (state.mode === "mask" || event.button !== 0) return;
  event.preventDefault();
  part("window").setPointerCapture(event.pointerId);
  // At full size what is not the line moves the picture.
  if (state.zoom === "full" && !event.target.closest(".line")) {
    const frame = part("frame");
    panning = [event.clientX, event.clientY, frame.scrollLeft, frame.scrollTop];
  } else { dragging = true; follow(event); }
});
part("window").addEventListener("pointermove", (event) => {
  if (dragging) follow(event);
  if (panning) part("frame").scrollTo(panning[2] - event.clientX + panning[0], panning[3] - event.clientY + panning[1]);
});
for (const name of ["pointerup", "pointercancel"]) part("window").addEventListener(name, () => { dragging = false; panning = null; });

// -- the mask ------------------------------------------------------------------------------------------------------------
const canvas = part("canvas");
const found = new Image();
let shown_mask = "";
let stroke = null;

function open_mask(item) {
  const url = item.mask.replace("SIZE", "view");
  if (shown_mask !== url) { shown_mask = url; found.onload = paint; found.src = url; } else paint();
}
function paint() {
  if (!found.naturalWidth) return;
  canvas.width = found.naturalWidth;
  canvas.height = found.naturalHeight;
  const pen = canvas.getContext("2d");
  pen.drawImage(found, 0, 0);
  for (const one of own()) draw(pen, one, one.brush === "glare" ? "rgb(214,158,66)" : "#000", one.brush !== "glare");
  part("undo").disabled = own().length === 0;
  part("recolor").disabled = own().length === 0;
}
function draw(pen, one, color, erases) {
  pen.globalCompositeOperation = erases ? "destination-out" : "source-over";
  pen.strokeStyle = pen.fillStyle = color;
  pen.lineWidth = 2 * one.radius * canvas.width;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  one.points.forEach(([x, y], index) => pen[index ? "lineTo" : "moveTo"](x * canvas.width, y * canvas.width));
  if (one.points.length === 1) pen.lineTo(one.points[0][0] * canvas.width + 0.01, one.points[0][1] * canvas.width);
  pen.stroke();
  pen.globalCompositeOperation = "source-over";
}
const across = (event) => {
  const box = part("stage").getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.width];
};
const radius = () => +part("brushsize").value / 2000;
canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  stroke = { brush: state.brush, radius: radius(), points: [across(event)] };
  own().push(stroke);
  paint();
});
canvas.addEventListener("pointermove", (event) => {
  const ring = part("ring");
  const [x, y] = across(event);
  ring.hidden = false;
  ring.style.cssText = `left:${x * 100}%;top:calc(${y} * ${part("stage").clientWidth}px);width:${200 * radius()}%`;
  if (stroke) { stroke.points.push([x, y]); paint(); }
});
for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { stroke = null; });
canvas.addEventListener("pointerleave", () => { part("ring").hidden = true; });
part("undo").onclick = () => { own().pop(); paint(); };
part("reset").onclick = () => trigger("recolor", { number: state.number, forget: true });
part("recolor").onclick = async () => {
  const item = current();
  const sheet = document.createElement("canvas");
  [sheet.width, sheet.height] = [canvas.width, canvas.height];
  const pen = sheet.getContext("2d");
  pen.fillStyle = "rgb(128,128,128)";
  pen.fillRect(0, 0, sheet.width, sheet.height);
  for (const one of own()) draw(pen, one, one.brush === "glare" ? "#fff" : "#000", false);
  part("recolor").disabled = true;
  const blob = await new Promise((done) => sheet.toBlob(done, "image/png"));
  const answer = await fetch(item.strokes, { method: "POST", body: blob, headers: { "content-type": "image/png" } });
  if (answer.ok) trigger("recolor", { number: state.number, forget: false });
  else { part("problem").hidden = false; part("problem").textContent = await answer.text(); }
};

// -- buttons -------------------------------------------------------------------------------------------------------------
root.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  for (const name of ["mode", "zoom", "brush"]) if (button.dataset[name]) { state[name] = button.dataset[name]; render(); }
});

watch("value", read);
read();
