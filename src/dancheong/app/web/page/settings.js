// Parameters as a form: the basic ones, and the others section by section.

import { ask, h, language, t } from "./client.js";

// `use`: coloring or training; `query`: what the values are of; `changed(values)`: those that a person has set.
export class SettingsForm {
  constructor(use, changed) {
    Object.assign(this, { use, changed });
    this.values = {};
    this.element = h("div.rows");
  }

  async load(query, values) {
    const asked = new URLSearchParams({ use: this.use, language: language(), ...query }).toString();
    this.given = values;
    if (asked !== this.asked) {
      this.asked = asked;
      const rows = await ask(`/parameters?${asked}`).catch((problem) => { this.asked = null; throw problem; });
      if (asked !== this.asked) return;  // another one has been asked for meanwhile
      this.rows = rows;
      this.#build();
    }
    // What an earlier page has kept may be no row any more.
    if (this.rows) this.values = Object.fromEntries(Object.entries(this.given).filter(([name]) => this.fields.has(name)));
    this.#fill();
  }

  #build() {
    this.fields = new Map();
    const basic = this.rows.filter((row) => row.is_basic), others = this.rows.filter((row) => !row.is_basic);
    const sections = [...new Set(others.map((row) => row.section))];
    const reset = h("button.quiet", { type: "button", onclick: () => { this.values = {}; this.#fill(); this.changed({}); } }, t(`settings_reset_${this.use}`));
    this.element.replaceChildren(
      ...basic.map((row) => this.#row(row)),
      h("details", {}, h("summary", {}, t("settings_more")), ...sections.map((section) =>
        h("details", {}, h("summary", {}, section), ...others.filter((row) => row.section === section).map((row) => this.#row(row))))),
      h("p", {}, reset),
    );
  }

  #row(row) {
    const id = `${this.use}-${row.name}`, set = (value) => this.#set(row, value);
    const bounds = { min: row.low, max: row.high, step: row.kind === "whole" ? 1 : "any" };
    const field = {
      choice: () => h("select", { id, onchange: () => set(field.value) },
        Object.entries(row.choices).map(([value, label]) => h("option", { value }, label))),
      switch: () => h("input", { id, type: "checkbox", onchange: () => set(field.checked) }),
      text: () => h("input", { id, type: "text", onchange: () => set(field.value) }),
      number: () => h("input", { id, type: "number", ...bounds, onchange: () => set(field.value === "" ? row.value : Number(field.value)) }),
    }[row.kind === "whole" ? "number" : row.kind]();
    field.setAttribute("aria-describedby", `${id}-meaning`);
    this.fields.set(row.name, field);
    return h("div.field", {}, h("label", { for: id }, row.label || row.name.toUpperCase(), row.label ? h("code", {}, row.name.toUpperCase()) : ""),
      field, h("p.hint", { id: `${id}-meaning` }, row.meaning));
  }

  #set(row, value) {
    if (value === row.value) delete this.values[row.name];
    else this.values[row.name] = value;
    this.changed({ ...this.values });
  }

  #fill() {
    for (const row of this.rows ?? []) {
      const field = this.fields.get(row.name), value = this.values[row.name] ?? row.value;
      if (field === document.activeElement && ["number", "text"].includes(field.type)) continue;  // a person is writing in it
      if (field.type === "checkbox") field.checked = value;
      else field.value = value;
    }
  }
}
