// The HTTP API, as far as this page uses it.

export interface Progress {
  stage: string;
  progress: number;
  current_frame?: number;
  total_frames?: number;
  message: string;
}

export interface Failure {
  reason: string;
  message: string;
  advice: string;
}

export interface Status {
  job_id: string;
  status: "uploaded" | "processing" | "completed" | "failed" | "cancelled";
  progress: Progress | null;
  error: string | null;
  failure?: Failure;
  queue_position: number | null;
  filename: string;
  expires_at?: number;
}

export interface Variant {
  kind: string;
  url: string;
  file_size_bytes: number;
}

export interface Asset {
  filename: string;
  url: string;
  variants: Variant[];
}

export interface Result {
  job_id: string;
  camera_params: { extrinsics: number[][][] };
  lod_assets: { preview: Asset; medium: Asset; full: Asset };
  scale: { metric: boolean; metres_per_unit: number; source: string; uncertainty: number };
  poster_url: string;
  files: { path: string; url: string; size_bytes: number }[];
  warnings: string[];
}

export interface Uploaded {
  job_id: string;
  filename: string;
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly advice: string,
  ) {
    super(`${title} ${advice}`.trim());
  }
}

export const unreachable = (): Problem => new Problem(0, "The server can't be reached.", "Check the connection and try again.");

export function problemFrom(status: number, text: string): Problem {
  try {
    const body = JSON.parse(text) as { message?: string; advice?: string; detail?: string };
    return new Problem(status, body.message ?? body.detail ?? "Something went wrong.", body.advice ?? "");
  } catch {
    // Not from the service: a proxy before it.
    return new Problem(status, `The server answered ${status}.`, "Try again in a moment.");
  }
}

export async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      ...(signal && { signal }),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
    if (response.ok) return (await response.json()) as T;
  } catch {
    throw unreachable();
  }
  throw problemFrom(response.status, await response.text().catch(() => ""));
}

// As many pictures as each quality is meant for: the API's own default is larger.
const FRAMES: Record<string, number> = { draft: 36, standard: 60, high: 120 };

export const process = (id: string, quality: string): Promise<unknown> =>
  call("POST", `/api/process/${id}`, { quality, max_frames: FRAMES[quality] });
export const statuses = (ids: string[]): Promise<Status[]> =>
  ids.length ? call("GET", `/api/status?ids=${ids.join(",")}`) : Promise.resolve([]);
export const status = (id: string, signal?: AbortSignal): Promise<Status> => call("GET", `/api/status/${id}`, undefined, signal);
export const result = (id: string): Promise<Result> => call("GET", `/api/result/${id}`);
export const remove = (id: string): Promise<unknown> => call("DELETE", `/api/job/${id}`);
export const setScale = (id: string, points: number[][], length_m: number): Promise<unknown> =>
  call("PUT", `/api/scans/${id}/scale`, { points, length_m });
