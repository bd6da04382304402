import type { ComponentChildren } from "preact";
import { Card, Facts } from "../../design/card";
import { ErrorState, Notice } from "../../design/states";
import { Until, When } from "../../design/when";
import { type Backups, failureOf, heldText, lostText, verifiedText } from "../../text/backup-words";

function Next({ at }: { at: string | null }) {
  if (at) return <Until at={at} />;
  return <>None. Set <code>CLIP_BROWSER_BACKUP_TO</code> to a folder or a bucket on another disk, and they are made by themselves.</>;
}

function NeverMade({ nextAt }: { nextAt: string | null }) {
  return (
    <Notice>
      This service was never backed up: with its disk, all captions, images and models are lost.{" "}
      {nextAt
        ? <>The first backup begins by itself <Until at={nextAt} />.</>
        : <>Run <code>clip-browser backup OUT</code> beside it now, with a folder or a bucket on another disk as <code>OUT</code>.</>}
    </Notice>
  );
}

/** The last backups and the next one: for administrators. */
export function BackupsCard({ backups }: { backups: Backups }) {
  const { last, whole, next_at } = backups;
  const failure = failureOf(backups);
  const facts: [string, ComponentChildren][] = [];
  if (last?.state === "running") facts.push(["Under way", <>since <When at={last.started_at} /></>]);
  if (whole) {
    facts.push(["Last whole one", <><When at={whole.finished_at} />, {whole.place}</>], ["It holds", heldText(whole)], ["Read over", verifiedText(whole)]);
    if (lostText(whole)) facts.push(["Lost", lostText(whole)]);
  }
  facts.push(["Next by itself", <Next at={next_at} />]);
  return (
    <Card title="Backups">
      <div class="stack">
        {!whole && !last && <NeverMade nextAt={next_at} />}
        {failure && (
          <ErrorState problem={{ code: "backup_failed", message: `${failure.is_scheduled ? "The scheduled backup" : "The backup"} failed: ${failure.message}`, remedy: failure.remedy }} />
        )}
        <Facts of={facts} />
      </div>
    </Card>
  );
}
