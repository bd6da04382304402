/** How long it takes from Enter to the next picture, as the browser's performance measures. */

const KEPT_MEASURES = 500;
const ENTER = "caption-enter";
const ENTER_TO_SHOWN = "enter-to-shown";

/** Enter was pressed: the time to the next picture runs. */
export function markEnter(): void {
  performance.clearMarks(ENTER);
  performance.mark(ENTER);
}

/** Nothing is gone to after all. */
export const forgetEnter = (): void => performance.clearMarks(ENTER);

/** A picture is in the document: measures up to the frame that shows it. */
export function markShown(image: number): void {
  const [mark] = performance.getEntriesByName(ENTER, "mark");
  if (!mark) return;
  performance.clearMarks(ENTER);
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      if (performance.getEntriesByName(ENTER_TO_SHOWN).length >= KEPT_MEASURES) performance.clearMeasures(ENTER_TO_SHOWN);
      performance.measure(ENTER_TO_SHOWN, { start: mark.startTime, end: performance.now(), detail: { image } });
    }),
  );
}
