// A search: its field, how it was understood, its filters, and what was found.

import { announce, h } from "../dom";
import { errorBox } from "../errors";
import { hashOf, wantedOf, withoutFilters } from "./address";
import * as api from "./api";
import { card } from "./cards";
import { Facets } from "./facets";
import { searchBox } from "./searchbox";

const PAGE = 24;
const DEEPEST = 1000;
const SORTS = [["relevance", "Best first"], ["price_asc", "Cheapest first"], ["price_desc", "Dearest first"], ["title", "By name"]];

export class Results {
  hash: string;
  readonly element: HTMLElement;
  private wanted: URLSearchParams;
  private scroll = 0;
  private page = 1;
  private asking = new AbortController();
  private done = false;
  private changed = false;
  private readonly box;
  private readonly facets = new Facets((wanted) => this.change(wanted));
  private readonly understood = h("div", { class: "understood" });
  private readonly count = h("p", { class: "quiet", tabindex: -1 });
  private readonly sort = h("select", { "aria-label": "Order" }, ...SORTS.map(([value, text]) => h("option", { value: value! }, text!)));
  private readonly list = h("ul", { class: "products" });
  private readonly below = h("div", { class: "below" });

  constructor(hash: string) {
    this.hash = hash;
    this.wanted = wantedOf(hash);
    this.box = searchBox(this.wanted.get("query") ?? "", (text) => this.search(text));
    this.sort.value = this.wanted.get("sort") ?? "relevance";
    this.sort.addEventListener("change", () => this.with("sort", this.sort.value === "relevance" ? "" : this.sort.value));
    this.element = h(
      "div",
      { class: "furniture" },
      h("h1", {}, "Find furniture"),
      this.box.element,
      this.understood,
      h(
        "div",
        { class: "found" },
        this.facets.element,
        h("section", { "aria-label": "Results" }, h("div", { class: "between" }, this.count, this.sort), this.list, this.below),
      ),
    );
  }

  enter(): void {
    if (this.done) window.scrollTo(0, this.scroll);
    else void this.load();
  }

  leave(): void {
    this.scroll = window.scrollY;
    this.asking.abort();
    this.box.stop();
  }

  private search(text: string): void {
    if (text === (this.wanted.get("query") ?? "")) return;
    // What was taken out of another text says nothing about this one.
    this.wanted.delete("without");
    this.with("query", text);
  }

  private with(name: string, value: string): void {
    const wanted = new URLSearchParams(this.wanted);
    if (value) wanted.set(name, value);
    else wanted.delete(name);
    this.change(wanted);
  }

  private change(wanted: URLSearchParams): void {
    this.changed = true;
    this.wanted = wanted;
    this.hash = hashOf(wanted);
    history.pushState(null, "", this.hash);
    void this.load();
  }

  private async load(page = 1): Promise<void> {
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.done = false;
    this.list.setAttribute("aria-busy", "true");
    if (page === 1) this.below.replaceChildren();
    if (!this.list.children.length) this.list.append(...Array.from({ length: 6 }, () => h("li", { class: "product waiting", "aria-hidden": "true" })));
    const wanted = new URLSearchParams(this.wanted);
    wanted.set("page", String(page));
    wanted.set("page_size", String(PAGE));
    if (page === 1) wanted.set("facets", "true");
    try {
      const found = await api.patiently(
        () => api.search(wanted, signal),
        (why) => this.say(h("p", { class: "quiet", role: "status" }, why.title)),
        signal,
      );
      if (!signal.aborted) this.show(found, page);
    } catch (error) {
      if (signal.aborted) return;
      if (page === 1) this.list.replaceChildren();
      this.count.textContent = "";
      this.say(errorBox(error), h("button", { type: "button", click: () => void this.load(page) }, "Try again"));
    } finally {
      if (!signal.aborted) this.list.removeAttribute("aria-busy");
    }
  }

  private say(...what: HTMLElement[]): void {
    this.below.replaceChildren(...what);
  }

  private show(found: api.Found, page: number): void {
    const cards = found.results.map(card);
    this.done = true;
    if (page === 1) {
      this.list.replaceChildren(...cards);
      this.explain(found);
      this.facets.show(found.facets, this.wanted, found.total);
      this.count.textContent = found.total === 1 ? "1 product" : `${found.total.toLocaleString("en")} products`;
      announce(this.count.textContent);
      // What had the focus went with what was shown before.
      if (this.changed && document.activeElement === document.body) this.count.focus({ preventScroll: true });
    } else {
      this.list.append(...cards);
      cards[0]?.querySelector("a")?.focus({ preventScroll: true });
    }
    const shown = page * PAGE;
    if (!found.total) this.say(this.nothing());
    else if (cards.length && shown < Math.min(found.total, DEEPEST)) this.say(h("button", { type: "button", click: () => void this.load(page + 1) }, "More"));
    else this.say();
  }

  private nothing(): HTMLElement {
    return h(
      "div",
      { class: "card" },
      h("p", {}, h("strong", {}, "Nothing fits.")),
      h("p", { class: "quiet" }, "Try other words, or fewer filters."),
      h("button", { type: "button", click: () => this.change(withoutFilters(this.wanted)) }, "Clear filters"),
    );
  }

  private explain({ understood, relaxed }: api.Found): void {
    const ignore = (key: string): void => {
      const wanted = new URLSearchParams(this.wanted);
      wanted.append("without", key);
      this.change(wanted);
    };
    this.understood.replaceChildren(
      ...understood.map(({ key, label }) =>
        h("button", { type: "button", class: "chip", "aria-label": `Don’t mind: ${label}`, click: () => ignore(key) }, label, h("span", { "aria-hidden": "true" }, "✕")),
      ),
      ...relaxed.map(({ label, instead }) =>
        h("p", { class: "quiet" }, instead && instead !== label ? `Nothing fits “${label}”: it was widened to ${instead}.` : `Nothing fits “${label}”, so that was left aside.`),
      ),
    );
  }
}
