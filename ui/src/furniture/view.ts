// Furniture: what was searched for, or one product.

import { Results } from "./results";
import { showProduct } from "./product";

// The last results: who comes back from a product finds them as they were.
let kept: Results | undefined;

export function show(main: HTMLElement, hash: string): () => void {
  const asin = /^#\/furniture\/([^?]+)/.exec(hash)?.[1];
  if (asin) return showProduct(main, decodeURIComponent(asin), kept?.hash ?? "#/furniture");
  document.title = "Furniture · Garaza";
  if (kept?.hash !== hash) kept = new Results(hash);
  const results = kept;
  main.replaceChildren(results.element);
  results.enter();
  return () => results.leave();
}
