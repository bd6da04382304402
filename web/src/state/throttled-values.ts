/** Values that change often, looked at now and then. */
import { effect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";

/** Counts up at most every `every_ms` while the signals that `read` reads change. */
export function useThrottledChanges(read: () => unknown, every_ms: number, key: unknown = null): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let timer: number | undefined;
    let isFirst = true;
    const end = effect(() => {
      read();
      if (!isFirst) {
        timer ??= window.setTimeout(() => {
          timer = undefined;
          setTurn((old) => old + 1);
        }, every_ms);
      }
      isFirst = false;
    });
    return () => {
      end();
      clearTimeout(timer);
    };
  }, [key]);
  return turn;
}

/** A value that follows another one at most every `every_ms`. */
export function useThrottled<T>(value: T, every_ms: number): T {
  const [shown, setShown] = useState({ value, at_ms: 0 });
  useEffect(() => {
    if (Object.is(value, shown.value)) return undefined;
    const timer = window.setTimeout(() => setShown({ value, at_ms: Date.now() }), Math.max(0, shown.at_ms + every_ms - Date.now()));
    return () => clearTimeout(timer);
  }, [value, shown]);
  return shown.value;
}
