import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Vocabulary } from "../../../../text/captions/completion";
import type { Editor } from "./editor";
import "./text-box.css";

/** Writes into the box as if it were typed, so that Ctrl+Z takes it back. */
export function writeInto(box: HTMLTextAreaElement | null, text: string, { whole = false } = {}): void {
  if (!box) return;
  box.focus();
  if (whole) box.select();
  // the one way to write that the browser's own undo knows of
  if (document.execCommand("insertText", false, text)) return;
  box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

const isAtEnd = (box: HTMLTextAreaElement): boolean =>
  box.selectionStart === box.value.length && box.selectionEnd === box.value.length;

interface BoxProps {
  box: RefObject<HTMLTextAreaElement>;
  editor: Editor;
  label: string;
  vocabulary: Vocabulary;
  /** What is offered behind the cursor: read by the key that takes it. */
  offer: { current: string };
  placeholder: string;
}

/** The text box; behind the cursor, in grey, what the dataset's own words offer. */
export function TextBox({ box, editor, label, vocabulary, offer, placeholder }: BoxProps) {
  const [isOffering, setOffering] = useState(false);
  const mirror = useRef<HTMLDivElement>(null);
  const isComposing = useRef(false);
  const look = () => {
    const element = box.current;
    setOffering(Boolean(element && document.activeElement === element && isAtEnd(element) && !isComposing.current));
  };
  useEffect(() => {
    document.addEventListener("selectionchange", look);
    return () => document.removeEventListener("selectionchange", look);
  }, []);
  offer.current = isOffering && editor.text !== editor.submitted ? vocabulary.complete(editor.text) : "";
  return (
    <div class="box">
      <label class="unseen" for="caption-box">{label}</label>
      <div class="mirror" ref={mirror} dir="auto" aria-hidden="true">
        {editor.text}
        {offer.current === "" ? "\u200b" : <span>{offer.current}</span>}
      </div>
      <textarea
        id="caption-box"
        ref={box}
        rows={2}
        value={editor.text}
        placeholder={placeholder}
        spellcheck
        dir="auto"
        enterkeyhint="next"
        autocapitalize="off"
        aria-describedby="caption-line"
        onInput={(event) => {
          editor.type(event.currentTarget.value);
          look();
        }}
        onCompositionStart={() => (isComposing.current = true)}
        onCompositionEnd={() => {
          isComposing.current = false;
          look();
        }}
        onBlur={look}
        onScroll={(event) => mirror.current?.scrollTo({ top: event.currentTarget.scrollTop })}
      />
    </div>
  );
}
