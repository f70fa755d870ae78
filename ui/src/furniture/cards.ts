// Products in a list.

import { h } from "../dom";
import { productHash } from "./address";
import { pictureOf, type Product } from "./api";

export function picture(product: Product, n = 0, alt = "", lazily = true): HTMLElement {
  const none = (): HTMLElement => h("span", { class: "no-photo" }, "No picture");
  const address = pictureOf(product, n);
  if (!address) return none();
  const image = h("img", { alt, decoding: "async", loading: lazily && "lazy", error: () => image.replaceWith(none()) });
  image.src = address;
  return image;
}

export function sizes({ width_cm, depth_cm, height_cm }: Product): string {
  const named: [string, number | null][] = [["W", width_cm], ["D", depth_cm], ["H", height_cm]];
  const known = named.filter((one): one is [string, number] => one[1] !== null);
  return known.length ? `${known.map(([name, value]) => `${name}\u00a0${Math.round(value)}`).join(" × ")}\u00a0cm` : "";
}

export function priceOf(product: Product): string {
  return product.price_minor === null ? "No price" : product.price;
}

export function badges(product: Product): (HTMLElement | null)[] {
  return [
    product.is_sponsored ? h("span", { class: "badge" }, "Sponsored") : null,
    product.in_stock === false ? h("span", { class: "badge out" }, "Out of stock") : null,
  ];
}

export function card(product: Product): HTMLLIElement {
  const size = sizes(product);
  return h(
    "li",
    { class: "product" },
    h("div", { class: "photo" }, picture(product), h("div", { class: "badges" }, ...badges(product))),
    h("a", { href: productHash(product.asin) }, product.title),
    product.brand ? h("span", { class: "quiet" }, product.brand) : null,
    h("strong", {}, priceOf(product)),
    size ? h("span", { class: "quiet" }, size) : null,
  );
}
