/** Requests to the API: JSON in, JSON out, one error shape. */
import type { Problem } from "./schema";

export const API = "/api/v1";

export type { Problem };

/** The code of all refusals while a second factor has to be set up. */
export const SET_UP_FIRST = "second_factor_required";

/** What went wrong with a request; `status` 0 means that no answer came. */
export class ApiError extends Error implements Problem {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly remedy: string = "",
    readonly details?: Problem["details"],
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export const OFFLINE = new ApiError(
  0,
  "offline",
  "The server does not answer.",
  "Check the connection. What you typed is kept and is sent when the server is back.",
);

type Listener = () => void;
const signedOutListeners = new Set<Listener>();
const setUpListeners = new Set<Listener>();

/** Calls `listener` whenever the API says that nobody is signed in. */
export function onSignedOut(listener: Listener): void {
  signedOutListeners.add(listener);
}

/** Calls `listener` whenever the API says that a second factor has to be set up first. */
export function onSetUpNeeded(listener: Listener): void {
  setUpListeners.add(listener);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The error of an answer's status and body, whatever the body is. */
export function errorFrom(status: number, body: unknown): ApiError {
  if (isRecord(body) && typeof body.code === "string") {
    const { code, message, remedy, details, current } = body;
    return new ApiError(
      status,
      code,
      typeof message === "string" ? message : code,
      typeof remedy === "string" ? remedy : "",
      isRecord(details) ? details : current === undefined ? undefined : { current },
    );
  }
  if (status === 502 || status === 503 || status === 504) return OFFLINE;
  return new ApiError(status, "internal", `The server answered with status ${status}.`, "Try again.");
}

/** Any thrown thing as an ApiError. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError(0, "internal", thrown instanceof Error ? thrown.message : String(thrown));
}

export interface RequestOptions {
  json?: unknown;
  form?: FormData;
  /** Bytes, sent as they are. */
  bytes?: Blob;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** A 401 is an answer here, not the end of the sign-in. */
  quiet401?: boolean;
  /** The request is finished even when the page is closed meanwhile. */
  keepalive?: boolean;
}

async function send(method: string, path: string, options: RequestOptions): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
  if (options.json !== undefined) headers["Content-Type"] = "application/json";
  if (options.bytes) headers["Content-Type"] = "application/octet-stream";
  const body = options.form ?? options.bytes ?? (options.json === undefined ? null : JSON.stringify(options.json));
  const signal = options.signal ?? null;
  try {
    return await fetch(API + path, { method, headers, body, signal, credentials: "same-origin", keepalive: options.keepalive ?? false });
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "AbortError") throw thrown;
    throw OFFLINE;
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  if (response.status === 204) return null;
  const text = await response.text();
  if (!(response.headers.get("content-type") ?? "").includes("json")) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Sends a request; resolves to the status and the body. Throws ApiError on 4xx, 5xx and silence. */
export async function exchange<T>(
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<{ status: number; body: T; headers: Headers }> {
  const response = await send(method, path, options);
  const body = await bodyOf(response);
  if (response.ok) return { status: response.status, body: body as T, headers: response.headers };
  if (response.status === 401 && !options.quiet401) signedOutListeners.forEach((tell) => tell());
  const error = errorFrom(response.status, body);
  if (error.code === SET_UP_FIRST) setUpListeners.forEach((tell) => tell());
  throw error;
}

/** Like `exchange`, the body only. */
export async function request<T>(
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<T> {
  return (await exchange<T>(method, path, options)).body;
}

/** A value as one part of a path. */
export const part = encodeURIComponent;

/** The option that lets a request be stopped. */
export const withSignal = (signal: AbortSignal | undefined) => (signal ? { signal } : {});

/** `?a=1&b=2` of the values that are there. */
export function query(values: Record<string, string | number | null | undefined>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  if (pairs.length === 0) return "";
  return "?" + new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString();
}

/** Posts a form and reports the bytes sent: fetch cannot. */
export function upload<T>(
  path: string,
  form: FormData,
  onProgress: (sent: number, total: number) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", API + path);
    xhr.responseType = "text";
    xhr.setRequestHeader("Accept", "application/json");
    xhr.upload.onprogress = (event) => onProgress(event.loaded, event.total);
    xhr.onerror = () => reject(OFFLINE);
    xhr.onload = () => {
      let body: unknown = xhr.responseText;
      try {
        body = JSON.parse(xhr.responseText);
      } catch {
        /* the body stays text */
      }
      if (xhr.status >= 200 && xhr.status < 300) resolve(body as T);
      else reject(errorFrom(xhr.status, body));
    };
    xhr.send(form);
  });
}
