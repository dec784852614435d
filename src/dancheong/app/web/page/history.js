// What a person draws or says, with undo and redo. Each state is kept on the server at once, and sent again after an outage.

import { ask } from "./client.js";

export class History extends EventTarget {
  items = [];
  past = [];
  future = [];
  unsaved = 0;
  saved = 0;  // the visit's revision of the last state that the server has taken
  saving = Promise.resolve();

  // `what`: "strokes" or "hints", the last part of the address.
  constructor(what) {
    super();
    this.what = what;
  }

  load(number, items) {
    Object.assign(this, { number, items, past: [], future: [] });
    this.dispatchEvent(new Event("change"));
  }

  change(items) {
    this.past.push(this.items);
    this.future = [];
    this.#set(items);
  }

  undo() { this.#step(this.past, this.future); }
  redo() { this.#step(this.future, this.past); }

  #step(from, to) {
    if (!from.length) return;
    to.push(this.items);
    this.#set(from.pop());
  }

  // Ctrl+Z, and Ctrl+Shift+Z or Ctrl+Y; a keyboard that writes Hangul may give no Latin letter.
  key(event) {
    const letter = /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : event.code.at(-1)?.toLowerCase();
    if (!(event.ctrlKey || event.metaKey) || event.altKey || !["z", "y"].includes(letter)) return false;
    if (event.shiftKey || letter === "y") this.redo();
    else this.undo();
    return true;
  }

  // Whether news of a photograph are newer than what was done here: an answer can be on its way for longer than a change.
  isOlderThan(photograph) { return !this.unsaved && photograph.changed >= this.saved; }

  #set(items) {
    const { number } = this;
    this.items = items;
    this.unsaved += 1;
    this.saving = this.saving.then(() => this.#save(number, items)).finally(() => { this.unsaved -= 1; });
    this.dispatchEvent(new Event("change"));
  }

  async #save(number, items) {
    for (;;) {
      try {
        this.saved = (await ask(`/photographs/${number}/${this.what}`, { method: "PUT", json: items })).changed;
        this.dispatchEvent(new Event("saved"));
        return;
      } catch (problem) {
        if (problem.status) {
          this.dispatchEvent(new CustomEvent("refused", { detail: problem }));
          return;
        }
        await new Promise((go) => setTimeout(go, 1000));
      }
    }
  }
}
