// What is searched for, as it is in the address of the page: the parameters of the API, by their own names.

const NAMES = [
  "query", "sort", "without", "brands", "categories", "countries", "colors", "materials", "in_stock",
  "min_price", "max_price", "max_width_cm", "max_depth_cm", "max_height_cm",
];
const NO_FILTERS = new Set(["query", "sort", "without"]);

export function wantedOf(hash: string): URLSearchParams {
  const given = new URLSearchParams(hash.split("?").slice(1).join("?"));
  return new URLSearchParams([...given].filter(([name, value]) => NAMES.includes(name) && value !== ""));
}

export function hashOf(wanted: URLSearchParams): string {
  return wanted.size ? `#/furniture?${wanted}` : "#/furniture";
}

export function productHash(asin: string): string {
  return `#/furniture/${encodeURIComponent(asin)}`;
}

export function filtersIn(wanted: URLSearchParams): [string, string][] {
  return [...wanted].filter(([name]) => !NO_FILTERS.has(name));
}

export function withoutFilters(wanted: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...wanted].filter(([name]) => NO_FILTERS.has(name)));
}
