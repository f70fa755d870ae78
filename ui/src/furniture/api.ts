// The catalogue's part of the HTTP API.

import { call, Problem } from "../api";

export interface Product {
  asin: string;
  title: string;
  brand: string;
  price: string;
  price_minor: number | null;
  availability: string;
  in_stock: boolean | null;
  categories: string;
  url: string;
  images: string[];
  country_name: string;
  width_cm: number | null;
  depth_cm: number | null;
  height_cm: number | null;
  weight_kg: number | null;
  colors: string[];
  materials: string[];
  style: string | null;
  is_sponsored: boolean;
}

export interface Details extends Product {
  description: string;
  about: string[];
  specifications: Record<string, string>;
}

export interface Chip {
  key: string;
  label: string;
}

export interface Facet {
  name: string;
  values: { key: string; name: string; count: number; chosen: boolean }[];
}

export interface Found {
  results: Product[];
  total: number;
  facets: Facet[];
  understood: Chip[];
  relaxed: (Chip & { instead: string | null })[];
}

interface Suggestion {
  text: string;
  kind: string;
  count: number;
}

const ROOT = "/api/furniture";
const PAUSE = 3000;

const get = <T>(path: string, signal: AbortSignal): Promise<T> => call<T>("GET", ROOT + path, undefined, signal);

export const search = (wanted: URLSearchParams, signal: AbortSignal): Promise<Found> => get(`/search?${wanted}`, signal);
export const suggest = async (text: string, signal: AbortSignal): Promise<Suggestion[]> =>
  (await get<{ suggestions: Suggestion[] }>(`/suggest?${new URLSearchParams({ q: text })}`, signal)).suggestions;
export const product = (asin: string, signal: AbortSignal): Promise<Details> => get(`/product/${encodeURIComponent(asin)}`, signal);
export const similar = async (asin: string, signal: AbortSignal): Promise<Product[]> =>
  (await get<{ results: Product[] }>(`/similar/${encodeURIComponent(asin)}`, signal)).results;

// Asks again for as long as the catalogue is being prepared.
export async function patiently<T>(ask: () => Promise<T>, waiting: (why: Problem) => void, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted || !(error instanceof Problem && error.status === 503)) throw error;
      waiting(error);
      await new Promise((done) => setTimeout(done, PAUSE));
      if (signal.aborted) throw error;
    }
  }
}

// Pictures from elsewhere come through the service: this page loads nothing from strangers.
export function pictureOf(product: Product, n = 0): string | undefined {
  const address = product.images[n];
  if (!address) return undefined;
  return address.startsWith(`${ROOT}/pictures/`) ? address : `${ROOT}/pictures/${encodeURIComponent(product.asin)}/${n}`;
}
