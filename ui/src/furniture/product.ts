// One product, and more like it.

import { h } from "../dom";
import { errorBox } from "../errors";
import * as api from "./api";
import { badges, card, picture, priceOf, sizes } from "./cards";

const MOST_PICTURES = 8;

export function showProduct(main: HTMLElement, asin: string, results: string): () => void {
  const leaving = new AbortController();
  const { signal } = leaving;
  const place = h("div", { class: "furniture" });
  main.replaceChildren(h("p", {}, h("a", { href: results }, "← To the results")), place);
  const load = async (): Promise<void> => {
    const say = (why: string): void => place.replaceChildren(h("p", { class: "quiet", role: "status" }, why));
    say("Loading …");
    try {
      const product = await api.patiently(() => api.product(asin, signal), (why) => say(why.title), signal);
      if (signal.aborted) return;
      document.title = `${product.title} · Garaza`;
      const more = h("section", { "aria-labelledby": "more", hidden: true });
      place.replaceChildren(details(product), more);
      const similar = await api.similar(asin, signal).catch(() => []);
      if (signal.aborted || !similar.length) return;
      more.append(h("h2", { id: "more" }, "More like this"), h("ul", { class: "products" }, ...similar.map(card)));
      more.hidden = false;
    } catch (error) {
      if (signal.aborted) return;
      place.replaceChildren(errorBox(error), h("button", { type: "button", click: () => void load() }, "Try again"));
    }
  };
  void load();
  return () => leaving.abort();
}

function details(product: api.Details): HTMLElement {
  const rows: [string, string][] = [
    ["Size", sizes(product)],
    ["Weight", product.weight_kg === null ? "" : `${product.weight_kg} kg`],
    ["Colour", product.colors.join(", ")],
    ["Material", product.materials.join(", ")],
    ["Style", product.style ?? ""],
    ["Made in", product.country_name],
    ...Object.entries(product.specifications),
  ];
  return h(
    "article",
    { class: "details" },
    gallery(product),
    h(
      "div",
      {},
      h("h1", { class: "name" }, product.title),
      h("p", { class: "quiet" }, [product.brand, product.categories].filter(Boolean).join(" · ")),
      h("p", { class: "row" }, h("strong", { class: "price" }, priceOf(product)), ...badges(product)),
      // Whatever else an address may do here, it may not run.
      /^https?:\/\//i.test(product.url) ? h("p", {}, h("a", { class: "button main", href: product.url, target: "_blank", rel: "noopener noreferrer" }, "To the shop")) : null,
      product.description ? h("p", {}, product.description) : null,
      product.about.length ? h("ul", {}, ...product.about.map((text) => h("li", {}, text))) : null,
      h("dl", {}, ...rows.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    ),
  );
}

function gallery(product: api.Product): HTMLElement {
  const [first, ...others] = product.images.slice(0, MOST_PICTURES).map((_, n) => picture(product, n, n ? "" : product.title, n > 0));
  return h(
    "div",
    { class: "gallery" },
    h("div", { class: "photo" }, first ?? picture(product)),
    others.length ? h("div", { class: "others" }, ...others) : null,
  );
}
