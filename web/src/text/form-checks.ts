/** Checks of what is typed into forms: a sentence when it does not fit. Pure. */

/** A fraction between 0 and 1, both excluded. */
export function fractionProblem(text: string): string | undefined {
  const value = Number(text);
  return text.trim() !== "" && value > 0 && value < 1 ? undefined : "A number between 0 and 1, such as 0.2.";
}

export function wholeProblem(text: string, least: number, most: number): string | undefined {
  const value = Number(text);
  const fits = text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most;
  return fits ? undefined : `A whole number from ${least} to ${most}.`;
}

export const seedProblem = (text: string): string | undefined => wholeProblem(text, 0, 2 ** 31 - 1);

/** A positive number, or nothing for auto. */
export function positiveProblem(text: string): string | undefined {
  return text.trim() === "" || Number(text) > 0 ? undefined : "A number above 0.";
}

/** A whole number in range, or nothing for auto. */
export function optionalWholeProblem(text: string, least: number, most: number): string | undefined {
  return text.trim() === "" ? undefined : wholeProblem(text, least, most);
}
