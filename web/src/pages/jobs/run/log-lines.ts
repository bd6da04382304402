/** Lines of a log. Pure. */

export type LineTone = "plain" | "warning" | "error";

const ERROR = /error\b|exception\b|\btraceback\b|\bfatal\b|\bfailed\b|out of memory/i;
const WARNING = /warn(ing)?\b/i;

/** How a line is marked. */
export function toneOf(line: string): LineTone {
  if (ERROR.test(line)) return "error";
  return WARNING.test(line) ? "warning" : "plain";
}

/** The lines of a text, the last `most` of them; carriage returns overwrite, as in a terminal. */
export function linesOf(text: string, most = 3000): string[] {
  const lines = text.split("\n").map((line) => line.replace(/\r+$/, "").split("\r").at(-1) ?? "");
  if (lines.at(-1) === "") lines.pop();
  return lines.slice(-most);
}
