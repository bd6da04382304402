import type { ComponentChildren } from "preact";
import "./table.css";

export interface Column {
  title: string;
  right?: boolean;
  /** A column of buttons: its title is for screen readers only. */
  isUnseen?: boolean;
  /** What is shown in place of the title, such as a link. */
  head?: ComponentChildren;
}

/** A table in a frame that scrolls sideways when it must. */
export function Table({ name, columns, children }: { name: string; columns: Column[]; children: ComponentChildren }) {
  return (
    <div class="table-frame" tabIndex={-1}>
      <table class="table" aria-label={name}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={column.right ? "right" : undefined}>
                {column.isUnseen ? <span class="unseen">{column.title}</span> : (column.head ?? column.title)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
