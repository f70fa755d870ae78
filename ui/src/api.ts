// The HTTP and WebSocket API, as far as this page uses it.

export interface Progress {
  stage: string;
  progress: number;
  current_frame: number | null;
  total_frames: number | null;
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
  phase: string;
  progress: Progress | null;
  error: string | null;
  failure: Failure | null;
  queue_position: number | null;
  filename: string;
}

export interface Variant {
  kind: string;
  url: string;
  file_size_bytes: number;
}

export interface Asset extends Variant {
  filename: string;
  face_count: number;
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

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly advice: string,
  ) {
    super(`${title} ${advice}`.trim());
  }
}

function problemFrom(status: number, text: string): Problem {
  try {
    const body = JSON.parse(text) as { message?: string; advice?: string; detail?: string };
    return new Problem(status, body.message ?? body.detail ?? "Something went wrong.", body.advice ?? "");
  } catch {
    return new Problem(status, "The server can't be reached.", "Check the connection and try again.");
  }
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
  } catch {
    throw new Problem(0, "The server can't be reached.", "Check the connection and try again.");
  }
  if (!response.ok) throw problemFrom(response.status, await response.text());
  return (await response.json()) as T;
}

export const process = (id: string, quality: string): Promise<unknown> =>
  call("POST", `/api/process/${id}`, { quality, max_frames: { draft: 36, high: 120 }[quality] ?? 60 });
export const statuses = (ids: string[]): Promise<Status[]> =>
  ids.length ? call("GET", `/api/status?ids=${ids.join(",")}`) : Promise.resolve([]);
export const status = (id: string): Promise<Status> => call("GET", `/api/status/${id}`);
export const result = (id: string): Promise<Result> => call("GET", `/api/result/${id}`);
export const remove = (id: string): Promise<unknown> => call("DELETE", `/api/job/${id}`);
export const setScale = (id: string, points: number[][], length_m: number): Promise<unknown> =>
  call("PUT", `/api/scans/${id}/scale`, { points, length_m });

// XMLHttpRequest, because fetch can't tell how much of a body has been sent.
export function upload(
  file: File,
  onSent: (share: number) => void,
): { done: Promise<{ job_id: string; filename: string }>; cancel: () => void } {
  const request = new XMLHttpRequest();
  const done = new Promise<{ job_id: string; filename: string }>((resolve, reject) => {
    request.open("POST", "/api/upload");
    request.upload.onprogress = (event) => onSent(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () =>
      request.status < 300
        ? resolve(JSON.parse(request.responseText))
        : reject(problemFrom(request.status, request.responseText));
    request.onerror = () => reject(new Problem(0, "The upload broke off.", "Check the connection and send it again."));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    const form = new FormData();
    form.append("file", file);
    request.send(form);
  });
  return { done, cancel: () => request.abort() };
}

export interface Live {
  onProgress: (progress: Progress) => void;
  onEnd: () => void;
}

// Follows a job until it ends. A broken connection is taken up again after the last event seen.
export function follow(id: string, live: Live): () => void {
  let lastEvent = "";
  let stopped = false;
  let socket: WebSocket | undefined;
  let pause = 500;

  const open = (): void => {
    const url = new URL(`/ws/${id}${lastEvent ? `?last_event_id=${lastEvent}` : ""}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    socket = new WebSocket(url);
    socket.onmessage = (message: MessageEvent<string>) => {
      const event = JSON.parse(message.data) as { type: string; event_id?: number; data: Progress };
      pause = 500;
      if (event.event_id) lastEvent = String(event.event_id);
      if (event.type === "progress") live.onProgress(event.data);
      else stop();
      if (event.type !== "progress") live.onEnd();
    };
    socket.onclose = () => {
      if (stopped) return;
      setTimeout(open, pause);
      pause = Math.min(pause * 2, 10_000);
    };
  };
  const stop = (): void => {
    stopped = true;
    socket?.close();
  };
  open();
  return stop;
}
