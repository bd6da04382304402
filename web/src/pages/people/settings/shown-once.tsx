import { Copy } from "lucide-preact";
import { Button } from "../../../design/button";
import { toast } from "../../../state/toasts";

export const RECOVERY_CODES = "Recovery codes: each lets you in once when the app is lost. They are shown this once.";

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast({ tone: "done", text: "Copied." });
  } catch {
    toast({ tone: "waiting", text: "The browser does not allow copying here. Select the text and copy it." });
  }
}

/** A secret that is shown this once. */
export function ShownOnce({ text, secret }: { text: string; secret: string }) {
  return (
    <div class="once" role="status">
      <p>{text}</p>
      <code>{secret}</code>
      <div class="row"><Button small icon={Copy} onClick={() => void copy(secret)}>Copy</Button></div>
    </div>
  );
}
