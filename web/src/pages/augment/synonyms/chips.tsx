import { X } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { typedSynonyms } from "./map/entries";

interface ChipsProps {
  word: string;
  synonyms: readonly string[];
  /** Typing goes on here. */
  isFirst: boolean;
  onAdd: (texts: string[]) => void;
  onRemove: (at: number) => void;
  onDone: () => void;
}

/** Synonyms to add and to take away: Enter or a comma adds, Backspace in the empty field takes the last one back. */
export function Chips({ word, synonyms, isFirst, onAdd, onRemove, onDone }: ChipsProps) {
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (isFirst) field.current?.focus();
  }, []);
  const add = (typed: string) => {
    const texts = typedSynonyms(typed);
    if (texts.length > 0) onAdd(texts);
    setText("");
  };
  const remove = (at: number) => {
    onRemove(at);
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      if (text.trim() === "") onDone();
      else add(text);
    } else if (event.key === "Backspace" && text === "" && synonyms.length > 0) {
      event.preventDefault();
      onRemove(synonyms.length - 1);
    }
  };
  return (
    <div class="syn-chips">
      {synonyms.map((synonym, at) => (
        <button key={`${synonym}-${at}`} type="button" class="chip syn-chip" aria-label={`Remove ${synonym}`} title={`Remove ${synonym}`} onClick={() => remove(at)}>
          <span dir="auto">{synonym}</span>
          <X size={12} aria-hidden />
        </button>
      ))}
      <input
        ref={field}
        class="input syn-add"
        value={text}
        placeholder={synonyms.length === 0 ? "Add a synonym; with none the word is left as it is" : "Add another"}
        aria-label={`Add a synonym of ${word || "the new word"}`}
        maxLength={2000}
        enterkeyhint="done"
        onInput={({ currentTarget: { value } }) => (/[,;\n]/.test(value) ? add(value) : setText(value))}
        onBlur={() => add(text)}
        onKeyDown={onKeyDown}
      />
    </div>
  );
}
