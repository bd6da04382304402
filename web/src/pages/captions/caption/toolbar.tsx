import { CheckCheck, ChevronLeft, ChevronRight, Flag, History, Keyboard, type LucideIcon, Plus, SkipForward, Undo2, ZoomIn } from "lucide-preact";
import type { ImageItem } from "../../../api/images";
import { Button } from "../../../design/button";
import type { Command } from "./keys/commands";
import { type Keymap, keyWords } from "./keys/keymap";
import "./toolbar.css";

const TOOLS: { command: Command; icon: LucideIcon; label: string }[] = [
  { command: "previous", icon: ChevronLeft, label: "Previous image" },
  { command: "next", icon: ChevronRight, label: "Next image" },
  { command: "skip", icon: SkipForward, label: "Skip" },
  { command: "undo", icon: Undo2, label: "Undo my last save" },
  { command: "flag", icon: Flag, label: "Flag" },
  { command: "review", icon: CheckCheck, label: "Mark reviewed" },
  { command: "add", icon: Plus, label: "One more caption" },
  { command: "history", icon: History, label: "Former captions" },
  { command: "zoom", icon: ZoomIn, label: "Zoom" },
  { command: "help", icon: Keyboard, label: "Keys" },
];

interface ToolbarProps {
  item: ImageItem | undefined;
  keymap: Keymap;
  act: (command: Command) => void;
}

const isPressed = (command: Command, item: ImageItem | undefined): boolean =>
  (command === "flag" && Boolean(item?.flagged_by)) || (command === "review" && Boolean(item?.reviewed_by));

/** What the keys do, for a mouse or a finger; the key stands in the title. The focus stays in the box. */
export function Toolbar({ item, keymap, act }: ToolbarProps) {
  return (
    <div class="toolbar" role="group" aria-label="What the keys do" onMouseDown={(event) => event.preventDefault()}>
      {TOOLS.map(({ command, icon, label }) => {
        const [key] = keymap[command];
        const canBePressed = command === "flag" || command === "review";
        return (
          <Button
            key={command}
            kind="quiet"
            small
            icon={icon}
            label={label}
            title={key ? `${label} (${keyWords(key)})` : label}
            {...(canBePressed ? { pressed: isPressed(command, item) } : {})}
            onClick={() => act(command)}
          />
        );
      })}
      <span class="save-button"><Button kind="primary" small onClick={() => act("save")}>Save</Button></span>
    </div>
  );
}
