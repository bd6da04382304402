/** Whether somebody is there: a claim is renewed only while there was input in the last minutes. */

const AWAY_MS = 3 * 60_000;
const INPUTS = ["keydown", "pointerdown", "pointermove", "wheel", "touchstart"] as const;

let last_ms = Date.now();

/** There was input within the last three minutes. */
export const isSomebodyThere = (now_ms = Date.now()): boolean => now_ms - last_ms < AWAY_MS;

/** Notes input until the returned function is called; calls `onReturn` at the first one after a while away. */
export function watchInput(onReturn: () => void): () => void {
  last_ms = Date.now();
  const note = () => {
    const wasAway = !isSomebodyThere();
    last_ms = Date.now();
    if (wasAway) onReturn();
  };
  const options = { capture: true, passive: true };
  INPUTS.forEach((name) => addEventListener(name, note, options));
  return () => INPUTS.forEach((name) => removeEventListener(name, note, options));
}
