import { X } from "lucide-preact";
import { hideToast, spoken, type ToastAction, toasts } from "../state/toasts";
import { Button } from "./button";
import "./toasts.css";

function Action({ of, onDone }: { of: ToastAction; onDone: () => void }) {
  const act = () => {
    onDone();
    of.run();
  };
  return <Button small onClick={act}>{of.verb}</Button>;
}

/** Where toasts are shown and sentences are said. Once a page. */
export function Toasts() {
  return (
    <>
      <p class="unseen" role="status" aria-live="polite">
        {spoken.value}
      </p>
      <div class="toasts">
        {toasts.value.map((one) => (
          <div key={one.id} class={`toast ${one.tone}`}>
            <div>{one.href ? <a href={one.href}>{one.text}</a> : one.text}</div>
            {one.action && <Action of={one.action} onDone={() => hideToast(one.id)} />}
            <Button kind="quiet" small icon={X} label="Dismiss" onClick={() => hideToast(one.id)} />
          </div>
        ))}
      </div>
    </>
  );
}
