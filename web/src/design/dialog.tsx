import { X } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { ApiError } from "../api/http";
import { useAction } from "../state/resource";
import { Button } from "./button";
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
  onClose: () => void;
  act: () => Promise<unknown>;
}

/** Asks before something is gone. */
export function Confirm({ title, text, verb, onClose, act }: ConfirmProps) {
  const action = useAction(() => act().then(onClose));
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      {action.error && <ErrorState problem={action.error} />}
      <div class="dialog-foot">
        <Button onClick={onClose}>Keep</Button>
        <Button kind="danger" busy={action.busy} onClick={() => action.run()}>
          {verb}
        </Button>
      </div>
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
