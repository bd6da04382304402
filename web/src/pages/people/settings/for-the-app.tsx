import type { NewSecondFactor } from "../../../api/people";
import { TextField } from "../../../design/field";
import { QrCode } from "./qr-code";

interface ForTheAppProps {
  made: NewSecondFactor;
  code: string;
  onCode: (code: string) => void;
}

/** What an authenticator app needs, and the code that shows that it has it. */
export function ForTheApp({ made, code, onCode }: ForTheAppProps) {
  return (
    <>
      <p>Scan this with an authenticator app, or type the key into it.</p>
      <QrCode rows={made.qr} label="QR code for the authenticator app" />
      <p class="once"><code>{made.secret.match(/.{1,4}/g)?.join(" ")}</code></p>
      <TextField label="Code that the app shows now" value={code} onInput={onCode} autocomplete="one-time-code" required autofocus maxLength={40} />
    </>
  );
}
