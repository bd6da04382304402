/** What the keys of the captioning page can do, and the keys they have at first. */

export const GROUPS = [
  {
    title: "Writing",
    commands: [
      ["save", "Save and go on", ["Enter", "Ctrl+Enter"]],
      ["stay", "Save and stay", ["Shift+Enter"]],
      ["complete", "Take the grey words behind the cursor", ["Tab"]],
      ["copy", "Copy the caption before this one", ["Alt+C"]],
      ["undo", "Undo my last save, and go there", ["Alt+U"]],
      ["history", "Former captions of this image", ["Alt+H"]],
      ["choose", "Choose between two texts after a conflict", ["Alt+K"]],
    ],
  },
  {
    title: "Moving",
    commands: [
      ["next", "Next image", ["Alt+ArrowRight", "PageDown"]],
      ["previous", "Previous image", ["Alt+ArrowLeft", "PageUp"]],
      ["uncaptioned", "Next image without a caption", ["Alt+N"]],
      ["skip", "Skip: leave this one to others", ["Alt+S"]],
      ["leave", "Leave; what is typed is kept", ["Escape"]],
    ],
  },
  {
    title: "Several captions of one image",
    commands: [
      ["add", "Save, and write one more caption for this image", ["Alt+A"]],
      ["slotDown", "Next caption of this image", ["Alt+ArrowDown"]],
      ["slotUp", "Caption before it", ["Alt+ArrowUp"]],
    ],
  },
  {
    title: "Judging",
    commands: [
      ["review", "Mark reviewed and go on", ["Alt+R"]],
      ["flag", "Flag, or take the flag away", ["Alt+G"]],
      ["note", "Flag with a note", ["Alt+Shift+G"]],
    ],
  },
  {
    title: "Looking",
    commands: [
      ["zoom", "Fit, actual size, twice as large", ["Alt+Z"]],
      ["panLeft", "Move a large picture left", ["Alt+Shift+ArrowLeft"]],
      ["panRight", "Move a large picture right", ["Alt+Shift+ArrowRight"]],
      ["panUp", "Move a large picture up", ["Alt+Shift+ArrowUp"]],
      ["panDown", "Move a large picture down", ["Alt+Shift+ArrowDown"]],
      ["help", "This sheet (? while the box is empty)", ["?"]],
    ],
  },
  {
    title: "Suggestions",
    commands: [
      ["accept1", "Save suggestion 1 (so for 2 to 5) and go on", ["Alt+1"]],
      ["accept2", "Save suggestion 2 and go on", ["Alt+2"]],
      ["accept3", "Save suggestion 3 and go on", ["Alt+3"]],
      ["accept4", "Save suggestion 4 and go on", ["Alt+4"]],
      ["accept5", "Save suggestion 5 and go on", ["Alt+5"]],
      ["edit1", "Take suggestion 1 (2 to 5) into the box", ["Alt+Shift+1"]],
      ["edit2", "Take suggestion 2 into the box", ["Alt+Shift+2"]],
      ["edit3", "Take suggestion 3 into the box", ["Alt+Shift+3"]],
      ["edit4", "Take suggestion 4 into the box", ["Alt+Shift+4"]],
      ["edit5", "Take suggestion 5 into the box", ["Alt+Shift+5"]],
      ["dismiss", "Dismiss the first suggestion", ["Alt+0"]],
    ],
  },
] as const;

export type Command = (typeof GROUPS)[number]["commands"][number][0];

export interface CommandInfo {
  command: Command;
  words: string;
  keys: readonly string[];
}

export const COMMANDS: readonly CommandInfo[] = GROUPS.flatMap((group) =>
  group.commands.map(([command, words, keys]) => ({ command, words, keys })),
);

/** Commands that the first of their series speaks for, where keys are only read. */
export const SERIES: ReadonlySet<string> = new Set(COMMANDS.map(({ command }) => command).filter((command) => /[2-5]$/.test(command)));

/** What a command does, in words. */
export const wordsOf = (command: Command): string => COMMANDS.find((one) => one.command === command)?.words ?? command;
