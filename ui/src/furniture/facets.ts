// What a search can be narrowed to, each with how many products it would leave.

import { h } from "../dom";
import { filtersIn, withoutFilters } from "./address";
import type { Facet } from "./api";

const TITLES: Record<string, string> = {
  categories: "Category",
  price: "Price",
  colors: "Colour",
  materials: "Material",
  brands: "Brand",
  countries: "Made in",
  in_stock: "Availability",
};
const SIZES = [["max_width_cm", "Width"], ["max_depth_cm", "Depth"], ["max_height_cm", "Height"]] as const;

export class Facets {
  readonly element = h("details", { class: "filters", open: matchMedia("(min-width: 960px)").matches });
  private readonly title = h("summary", {});
  private readonly body = h("div", {});
  private readonly open = new Set(["categories", "price", "colors"]);

  constructor(private readonly changed: (wanted: URLSearchParams) => void) {
    this.element.append(this.title, this.body);
  }

  show(facets: Facet[], wanted: URLSearchParams, total: number): void {
    const focused = document.activeElement?.id;
    // A range is one filter, though it has two ends.
    const count = new Set(filtersIn(wanted).map(([name, value]) => (/_price$/.test(name) ? "price" : name + value))).size;
    this.title.textContent = count ? `Filters (${count})` : "Filters";
    this.body.replaceChildren(
      ...Object.keys(TITLES).flatMap((name) => {
        const facet = facets.find((one) => one.name === name);
        // What all have narrows nothing.
        const values = facet?.values.filter((one) => one.chosen || name !== "categories" || one.count < total) ?? [];
        return values.length ? [this.group(name, values, wanted)] : [];
      }),
      this.sizes(wanted),
      count ? h("button", { type: "button", class: "plain", click: () => this.changed(withoutFilters(wanted)) }, "Clear filters") : "",
    );
    if (focused && this.body.querySelector(`#${CSS.escape(focused)}`)) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  private group(name: string, values: Facet["values"], wanted: URLSearchParams): HTMLElement {
    const group = h(
      "details",
      {
        open: this.open.has(name) || values.some((one) => one.chosen),
        toggle: () => (group.open ? this.open.add(name) : this.open.delete(name)),
      },
      h("summary", {}, TITLES[name]!),
      h(
        "ul",
        {},
        ...values.map((one) => {
          const box = h("input", { type: "checkbox", id: `${name}-${one.key}`, checked: one.chosen });
          box.addEventListener("change", () => this.changed(narrowed(wanted, name, one.key, box.checked)));
          return h("li", {}, h("label", {}, box, h("span", {}, one.name), h("span", { class: "quiet" }, String(one.count))));
        }),
      ),
    );
    return group;
  }

  private sizes(wanted: URLSearchParams): HTMLElement {
    return h(
      "fieldset",
      {},
      h("legend", {}, "At most, in cm"),
      ...SIZES.map(([name, title]) => {
        const input = h("input", { type: "number", id: name, min: 1, max: 10000, inputmode: "numeric", value: wanted.get(name) ?? "" });
        input.addEventListener("change", () => {
          if (!input.reportValidity()) return;
          const next = new URLSearchParams(wanted);
          if (input.value) next.set(name, input.value);
          else next.delete(name);
          this.changed(next);
        });
        return h("label", {}, title, input);
      }),
    );
  }
}

function narrowed(wanted: URLSearchParams, name: string, key: string, on: boolean): URLSearchParams {
  const next = new URLSearchParams(wanted);
  const before = next.toString();
  if (name === "price") {
    const [least, most] = key.split("-");
    for (const [bound, value] of [["min_price", least], ["max_price", most]] as const) {
      next.delete(bound);
      if (on && value) next.set(bound, value);
    }
  } else if (name === "in_stock") {
    next.delete(name);
    if (on) next.set(name, key);
  } else if (on) next.append(name, key);
  else next.delete(name, key);
  // It was not a filter of ours but read out of the text.
  if (!on && next.toString() === before) next.append("without", name === "price" || name === "in_stock" ? name : `${name}:${key}`);
  return next;
}
