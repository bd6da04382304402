import { LoaderCircle, type LucideIcon } from "lucide-preact";
import type { ComponentChildren, JSX } from "preact";
import "./button.css";

export interface ButtonProps {
  children?: ComponentChildren;
  kind?: "primary" | "secondary" | "quiet" | "danger";
  small?: boolean;
  icon?: LucideIcon;
  /** The name of a button that shows an icon only. */
  label?: string;
  busy?: boolean;
  disabled?: boolean | undefined;
  href?: string;
  download?: boolean;
  type?: "button" | "submit";
  title?: string | undefined;
  onClick?: (event: JSX.TargetedMouseEvent<HTMLElement>) => void;
  pressed?: boolean;
  describedBy?: string;
  expanded?: boolean;
}

/** A verb. With `href` a link that looks like one. */
export function Button(props: ButtonProps) {
  const { kind = "secondary", small, icon: Icon, label, busy, children } = props;
  const look = ["button", kind, small && "small", children === undefined && "icon-only"].filter(Boolean).join(" ");
  const size = small ? 14 : 16;
  const content = (
    <>
      {busy ? <LoaderCircle size={size} class="spin" aria-hidden /> : Icon && <Icon size={size} aria-hidden />}
      {children}
    </>
  );
  if (props.href !== undefined) {
    return (
      <a class={look} href={props.href} download={props.download} aria-label={label} title={props.title ?? label} onClick={props.onClick}>
        {content}
      </a>
    );
  }
  return (
    <button
      class={look}
      type={props.type ?? "button"}
      disabled={props.disabled || busy}
      aria-label={label}
      aria-busy={busy || undefined}
      aria-pressed={props.pressed}
      aria-expanded={props.expanded}
      aria-describedby={props.describedBy}
      title={props.title ?? label}
      onClick={props.onClick}
    >
      {content}
    </button>
  );
}
