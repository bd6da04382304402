/** Something fetched: its data, its error, and a way to fetch it again. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, asApiError } from "../api/http";

export interface Resource<T> {
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  reload: () => void;
  set: (data: T) => void;
}

interface State<T> {
  key: string;
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
}

const isAbort = (thrown: unknown): boolean => thrown instanceof DOMException && thrown.name === "AbortError";

/**
 * Fetches when `key` changes (old data is then dropped) and when `version` changes (old data stays
 * until the new is there). A null key value fetches nothing.
 */
export function useResource<T>(
  load: (stop: AbortSignal) => Promise<T>,
  key: unknown[],
  version: unknown = 0,
): Resource<T> {
  const name = JSON.stringify(key);
  const isOff = key.includes(null);
  const [state, setState] = useState<State<T>>({ key: name, data: undefined, error: undefined, loading: true });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    if (isOff) return undefined;
    const stop = new AbortController();
    setState((old) => (old.key === name ? { ...old, loading: true } : { key: name, data: undefined, error: undefined, loading: true }));
    latest.current(stop.signal).then(
      (data) => stop.signal.aborted || setState({ key: name, data, error: undefined, loading: false }),
      (thrown: unknown) => {
        if (isAbort(thrown) || stop.signal.aborted) return;
        setState((old) => ({ ...old, key: name, error: asApiError(thrown), loading: false }));
      },
    );
    return () => stop.abort();
  }, [name, version, turn]);
  const reload = useCallback(() => setTurn((old) => old + 1), []);
  const set = useCallback((data: T) => setState({ key: name, data, error: undefined, loading: false }), [name]);
  const isCurrent = state.key === name;
  return {
    data: isCurrent ? state.data : undefined,
    error: isCurrent ? state.error : undefined,
    loading: !isOff && (state.loading || !isCurrent),
    reload,
    set,
  };
}

/** An action of a button: busy while it runs, its error after it failed. */
export function useAction<A extends unknown[]>(
  act: (...given: A) => Promise<unknown>,
): { run: (...given: A) => void; busy: boolean; error: ApiError | undefined; clear: () => void } {
  const [state, setState] = useState<{ busy: boolean; error: ApiError | undefined }>({ busy: false, error: undefined });
  const latest = useRef(act);
  latest.current = act;
  const run = useCallback((...given: A) => {
    setState({ busy: true, error: undefined });
    latest.current(...given).then(
      () => setState({ busy: false, error: undefined }),
      (thrown: unknown) => setState({ busy: false, error: asApiError(thrown) }),
    );
  }, []);
  return { run, ...state, clear: () => setState({ busy: false, error: undefined }) };
}
