import { CircleAlert, type LucideIcon, TriangleAlert } from "lucide-preact";
import type { ComponentChildren, JSX } from "preact";
import type { Problem } from "../api/http";
import { go } from "../routing/router";
import type { Resource } from "../state/resource";
import { remedyFor } from "../text/remedies";
import { Button } from "./button";
import "./states.css";

/** Grey bars in place of what is coming; seen after 200 ms only. heights: px. */
export function Skeleton({ heights = [20, 20, 20] }: { heights?: number[] }) {
  return (
    <div class="skeleton" aria-hidden="true">
      {heights.map((height, index) => (
        <span key={index} style={{ height: `${height}px` }} />
      ))}
    </div>
  );
}

interface EmptyStateProps {
  icon: LucideIcon;
  title: string;
  text: string;
  children?: ComponentChildren;
}

/** What a place is for, and the one action. */
export function EmptyState({ icon: Icon, title, text, children }: EmptyStateProps) {
  return (
    <div class="empty">
      <Icon size={28} strokeWidth={1.5} aria-hidden />
      <h2>{title}</h2>
      <p>{text}</p>
      {children && <div class="row">{children}</div>}
    </div>
  );
}

interface ErrorStateProps {
  problem: Pick<Problem, "code" | "message" | "remedy">;
  datasetId?: string | null | undefined;
  onRetry?: (() => void) | undefined;
  /** What "Use synonyms instead" and "Change the settings" do here. */
  acts?: Partial<Record<"synonyms" | "other-settings", () => void>>;
}

function actionOf({ problem, datasetId, onRetry, acts }: ErrorStateProps): JSX.Element | null {
  const remedy = remedyFor(problem, datasetId);
  if ("href" in remedy) return <Button small href={remedy.href}>{remedy.label}</Button>;
  if (remedy.act === "sign-in") return <Button small onClick={() => go("/signin")}>{remedy.label}</Button>;
  const act = remedy.act === "retry" ? onRetry : acts?.[remedy.act];
  if (act) return <Button small onClick={act}>{remedy.label}</Button>;
  return onRetry ? <Button small onClick={onRetry}>Try again</Button> : null;
}

/** What went wrong, what to do about it, and a button that does it. */
export function ErrorState(props: ErrorStateProps) {
  const { message, remedy } = props.problem;
  const action = actionOf(props);
  return (
    <div class="problem" role="alert">
      <CircleAlert size={16} aria-hidden />
      <div>
        <b>{message}</b>
        {remedy && <p>{remedy}</p>}
        {action && <div class="row">{action}</div>}
      </div>
    </div>
  );
}

/** One sentence worth knowing before going on. */
export function Notice({ children }: { children: ComponentChildren }) {
  return (
    <div class="notice" role="note">
      <TriangleAlert size={16} aria-hidden />
      <div>{children}</div>
    </div>
  );
}

interface LoadedProps<T> {
  of: Resource<T>;
  datasetId?: string | null;
  heights?: number[];
  children: (data: T) => ComponentChildren;
}

/** The data once it is there; until then a skeleton, or the error with its remedy. */
export function Loaded<T>({ of, datasetId, heights, children }: LoadedProps<T>) {
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (of.error) return <ErrorState problem={of.error} datasetId={datasetId} onRetry={of.reload} />;
  return <Skeleton {...(heights ? { heights } : {})} />;
}
