// Several plausible colorings of one photograph side by side; a person chooses.

import { ask, h, previewAddress, t, visit } from "./client.js";

const SHOWN = [1, 2, 3], SMALL_PX = 480;

export class Looks {
  // `attempt` does what may be refused, and tells of it.
  constructor(attempt) { this.attempt = attempt; }

  row() {
    this.looks = SHOWN.map((look) => {
      const image = h("img", { alt: "", onerror: () => image.removeAttribute("src") });  // it is asked for once more
      const button = h("button.look", { type: "button", "data-look": look, "aria-pressed": "false", onclick: () => this.#choose(look) }, image, h("span", {}, t(`look_${look}`)));
      return { look, image, button };
    });
    this.element = h("div.looks", { role: "group", "aria-label": t("mode_looks"), hidden: true }, h("p.hint", {}, t("looks_help")), this.looks.map((one) => one.button));
    return this.element;
  }

  show(photograph, isSeen) {
    this.photograph = photograph;
    this.element.hidden = !isSeen || !photograph.has_result;
    if (this.element.hidden) return;
    for (const { look, image, button } of this.looks) {
      const address = previewAddress(photograph, SMALL_PX, look);
      if (image.getAttribute("src") !== address) image.src = address;
      button.setAttribute("aria-pressed", String(look === photograph.look));
    }
  }

  async #choose(look) {
    await this.attempt(() => ask(`/photographs/${this.photograph.number}`, { method: "PATCH", json: { look } }));
    await visit.refresh().catch(() => {});
  }
}
