// Joins the parts: tabs, language, connection.

import { ask, attempt, h, language, Notice, speak, t, visit } from "./client.js";
import { ColorTab } from "./color.js";
import { CompareTab } from "./compare.js";
import { Models, ModelsTab } from "./models.js";
import { TrainTab } from "./training.js";

const TABS = ["color", "train", "compare", "models"];
const find = (id) => document.getElementById(id);

const models = new Models();
const color = new ColorTab(find("panel-color"), models);
const tabs = { color, train: new TrainTab(find("panel-train"), models), compare: new CompareTab(find("panel-compare"), models, color),
  models: new ModelsTab(find("panel-models"), models) };

function open(name, focus = false) {
  for (const tab of TABS) {
    find(`panel-${tab}`).hidden = tab !== name;
    const button = find(`tab-${tab}`);
    button.setAttribute("aria-selected", String(tab === name));
    button.tabIndex = tab === name ? 0 : -1;
    if (tab === name && focus) button.focus();
  }
  tabs[name].opened?.();
  history.replaceState(null, "", name === "color" ? "/" : `#${name}`);
}

function draw() {
  document.title = `dancheong · ${t("title")}`;
  const current = TABS.find((tab) => find(`tab-${tab}`)?.getAttribute("aria-selected") === "true");
  find("tabs").replaceChildren(...TABS.map((tab) => h("button", { type: "button", role: "tab", id: `tab-${tab}`, "aria-controls": `panel-${tab}`,
    onclick: () => open(tab) }, t(`tab_${tab}`))));
  find("language").textContent = t("language");
  find("language").lang = language() === "ko" ? "en" : "ko";
  find("elsewhere").textContent = t("open_elsewhere");
  find("remove-all").textContent = t("remove_all");
  find("interface").textContent = t("interface");
  find("connection").textContent = t("offline");
  promise();
  find("footnote").after(notice.say());
  for (const tab of Object.values(tabs)) tab.build();
  open(current ?? (TABS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "color"));
}

const promise = () => { find("promise").textContent = t("promise", { hours: visit.hours }); };

find("tabs").addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (by) open(TABS[(TABS.findIndex((tab) => find(`tab-${tab}`).tabIndex === 0) + by + TABS.length) % TABS.length], true);
});

// What was changed a moment ago is not lost by a reload.
window.addEventListener("pagehide", () => visit.save().catch(() => {}));

find("language").addEventListener("click", async () => {
  const wanted = language() === "ko" ? "en" : "ko";
  await speak(wanted);
  visit.keep({ language: wanted });
  visit.save().catch(() => {});
  draw();
});

const notice = new Notice("footnotice");
const told = (act) => attempt(act, notice);

find("elsewhere").addEventListener("click", () => told(async () => {
  const { address } = await ask("/visit/address");
  const whole = new URL(address, location.href).href;
  find("footnote").textContent = await navigator.clipboard?.writeText(whole).then(() => t("copied")).catch(() => "") || t("address_is", { address: whole });
}));

find("remove-all").addEventListener("click", () => confirm(t("remove_all_ask")) && told(async () => {
  await ask("/visit", { method: "DELETE" });
  Object.assign(visit, { revision: -1, settings: {}, jobs: [] });
  visit.photographs.clear();
  await visit.refresh();
}));

visit.addEventListener("connection", () => { find("connection").hidden = visit.online; });
visit.addEventListener("change", promise);
visit.addEventListener("models", () => models.refresh().then(() => color.update()).catch(() => {}));

// The first answers may be lost as well; the page comes to life as soon as the server is there.
async function start() {
  for (;;) {
    try {
      await visit.refresh();
      await speak(visit.settings.language ?? (navigator.languages.find((one) => /^(ko|en)\b/.test(one)) ?? "en").slice(0, 2));
      await models.refresh();
      break;
    } catch (problem) {
      if (problem.status) throw problem;
      await new Promise((go) => setTimeout(go, 1000));
    }
  }
  draw();
  visit.watch();
  document.documentElement.dataset.ready = "yes";
}

start();
