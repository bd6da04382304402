import { Download, Plus, Upload } from "lucide-preact";
import { useRef } from "preact/hooks";
import { Button } from "../../../design/button";
import { TextField } from "../../../design/field";
import { type Entry, writeMap } from "./map/entries";

interface ToolbarProps {
  query: string;
  isReadOnly: boolean;
  canAdd: boolean;
  entries: readonly Entry[];
  fileName: string;
  onQuery: (query: string) => void;
  onAdd: () => void;
  onImport: (name: string, text: string) => void;
}

function download(name: string, entries: readonly Entry[]): void {
  const address = URL.createObjectURL(new Blob([writeMap(entries)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

/** Looking for a word, adding it, and the map as a file. */
export function Toolbar({ query, isReadOnly, canAdd, entries, fileName, onQuery, onAdd, onImport }: ToolbarProps) {
  const file = useRef<HTMLInputElement>(null);
  const word = query.trim();
  return (
    <form
      class="syn-tools"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        if (canAdd) onAdd();
      }}
    >
      <TextField label="Search words and synonyms" hideLabel type="search" placeholder={isReadOnly ? "Search" : "Search, or type a word to add"} value={query} onInput={onQuery} maxLength={100} />
      {!isReadOnly && <Button type="submit" icon={Plus} disabled={!canAdd}>{word && canAdd ? `Add “${word.length > 24 ? `${word.slice(0, 24)}…` : word}”` : "Add word"}</Button>}
      <span class="syn-file">
        {!isReadOnly && <Button kind="quiet" icon={Upload} onClick={() => file.current?.click()}>Import JSON</Button>}
        <Button kind="quiet" icon={Download} onClick={() => download(fileName, entries)}>Export JSON</Button>
      </span>
      <input
        ref={file}
        class="unseen"
        type="file"
        accept=".json,application/json"
        tabIndex={-1}
        aria-label="A synonym map as JSON"
        onChange={({ currentTarget }) => {
          const chosen = currentTarget.files?.[0];
          if (chosen) void chosen.text().then((text) => onImport(chosen.name, text));
          currentTarget.value = "";
        }}
      />
    </form>
  );
}
