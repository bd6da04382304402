import { useEffect, useState } from "preact/hooks";
import { checkSynonyms, type SynonymCheck, type SynonymCheckRequest } from "../../../../api/augment";
import { type ApiError, asApiError } from "../../../../api/http";

const PAUSE_MS = 300;

export interface Checked {
  answer: SynonymCheck | undefined;
  error: ApiError | undefined;
  busy: boolean;
}

/** What the service says of a map as it is typed, a moment after the last key; the last answer stays until then. */
export function useCheck(what: SynonymCheckRequest | undefined): Checked {
  const [state, setState] = useState<Checked>({ answer: undefined, error: undefined, busy: true });
  const key = JSON.stringify(what);
  useEffect(() => {
    if (!what) return undefined;
    const stop = new AbortController();
    setState((old) => ({ ...old, busy: true }));
    const timer = window.setTimeout(() => {
      checkSynonyms(what, stop.signal).then(
        (answer) => stop.signal.aborted || setState({ answer, error: undefined, busy: false }),
        (thrown: unknown) => stop.signal.aborted || setState((old) => ({ ...old, error: asApiError(thrown), busy: false })),
      );
    }, PAUSE_MS);
    return () => {
      window.clearTimeout(timer);
      stop.abort();
    };
  }, [key]);
  return state;
}
