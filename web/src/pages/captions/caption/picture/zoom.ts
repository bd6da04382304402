/** How large a picture is shown, and which part of it. Pure. Lengths in CSS pixels. */

export interface Size {
  width: number;
  height: number;
}
export interface Point {
  x: number;
  y: number;
}

export const LARGEST_FIT = 6;

/** The factor at which the whole picture fits the stage; a small one grows, but not without end. */
export function fitScale(picture: Size, stage: Size): number {
  if (picture.width <= 0 || picture.height <= 0) return 1;
  return Math.min(stage.width / picture.width, stage.height / picture.height, LARGEST_FIT);
}

/** The factors beyond fit: actual size and twice that, where larger than fit; else twice and four times fit. */
export function zoomFactors(picture: Size, stage: Size): number[] {
  const fit = fitScale(picture, stage);
  const larger = [1, 2].filter((factor) => factor > fit * 1.05);
  return larger.length > 0 ? larger : [fit * 2, fit * 4];
}

/** Keeps the picture over the stage: its middle may be off by at most what does not fit. */
export function clampPan(pan: Point, picture: Size, stage: Size, factor: number): Point {
  const most = { x: Math.max(0, (picture.width * factor - stage.width) / 2), y: Math.max(0, (picture.height * factor - stage.height) / 2) };
  const within = (value: number, limit: number) => Math.min(limit, Math.max(-limit, value)) + 0;
  return { x: within(pan.x, most.x), y: within(pan.y, most.y) };
}

/** "150 %", "actual size". */
export function factorWords(factor: number): string {
  return factor === 1 ? "actual size" : `${Math.round(factor * 100)} %`;
}
