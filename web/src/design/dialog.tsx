import { X } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { ApiError } from "../api/http";
import { useAction } from "../state/resource";
import { Button } from "./button";
import { TextField } from "./field";
import { ErrorState } from "./states";
import "./dialog.css";

interface DialogProps {
  title: string;
  onClose: () => void;
  /** For what has two columns. */
  wide?: boolean;
  children: ComponentChildren;
}

/** A question in front of the page. Esc and the cross close it. */
export function Dialog({ title, onClose, wide, children }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const opened = box.current;
    const before = document.activeElement;
    if (opened && !opened.open) opened.showModal();
    opened?.querySelector<HTMLElement>("[autofocus]")?.focus();
    return () => {
      opened?.close(); // while it is open, nothing behind it takes the focus
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={box}
      class={wide ? "dialog wide" : "dialog"}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === box.current && onClose()}
    >
      <div class="dialog-head">
        <h2 id={titleId}>{title}</h2>
        <Button kind="quiet" small icon={X} label="Close" onClick={onClose} />
      </div>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  text: string;
  verb: string;
  /** What is to be typed before it is done, for what is large. */
  name?: string | undefined;
  onClose: () => void;
  act: () => Promise<unknown>;
  children?: ComponentChildren;
}

/** Asks before something is gone. */
export function Confirm({ title, text, verb, name, onClose, act, children }: ConfirmProps) {
  const [typed, setTyped] = useState("");
  const action = useAction(() => act().then(onClose));
  const isSure = name === undefined || typed.trim() === name;
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (isSure) action.run();
        }}
      >
        <p>{text}</p>
        {children}
        {name !== undefined && <TextField label={`Type ${name} to go on`} value={typed} onInput={setTyped} autofocus />}
        {action.error && <ErrorState problem={action.error} />}
        <div class="dialog-foot">
          <Button onClick={onClose}>Keep</Button>
          <Button kind="danger" type="submit" busy={action.busy} disabled={!isSure}>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface FormDialogProps {
  title: string;
  verb: string;
  busy: boolean;
  error: ApiError | undefined;
  onClose: () => void;
  onSubmit: () => void;
  children: ComponentChildren;
}

/** A short form in front of the page. */
export function FormDialog({ title, verb, busy, error, onClose, onSubmit, children }: FormDialogProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        {children}
        {error && <ErrorState problem={error} />}
        <div class="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={busy}>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
