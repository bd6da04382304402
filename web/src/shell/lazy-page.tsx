import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { OFFLINE } from "../api/http";
import { ErrorState, Skeleton } from "../design/states";

/** A page whose code is fetched when it is first opened. */
export function lazyPage<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let Loaded: ComponentType<P> | null = null;
  return function Later(props: P) {
    const [turn, setTurn] = useState(0);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (Loaded) return;
      setFailed(false);
      load().then(
        (found) => {
          Loaded = found;
          setTurn((old) => old + 1);
        },
        () => setFailed(true),
      );
    }, [turn]);
    if (Loaded) return <Loaded {...props} />;
    return failed ? <ErrorState problem={OFFLINE} onRetry={() => location.reload()} /> : <Skeleton heights={[36, 240, 160]} />;
  };
}
