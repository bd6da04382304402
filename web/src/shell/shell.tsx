import type { ComponentChildren } from "preact";
import { route } from "../routing/router";
import { Rail } from "./rail";
import { TopBar } from "./top-bar";
import "./shell.css";

/** Rail, top bar and the page between. */
export function Shell({ children }: { children: ComponentChildren }) {
  const isCaptioning = route.value.page === "caption";
  return (
    <div class="shell">
      <a class="skip" href="#page">
        Skip to the page
      </a>
      <Rail />
      <div class="main">
        <TopBar />
        {isCaptioning ? children : <main id="page" class="page" tabIndex={-1}>{children}</main>}
      </div>
    </div>
  );
}
