import { useEffect } from "preact/hooks";

/** Sets the document's title while the component is there. */
export function useTitle(...parts: (string | undefined)[]): void {
  const title = [...parts.filter(Boolean), "CLIP Browser"].join(" · ");
  useEffect(() => {
    document.title = title;
  }, [title]);
}
