import { render } from "preact";
import "./design/tokens.css";
import "./design/base.css";
import { App } from "./app";
import { startRouter } from "./router";
import { askSession } from "./state/session";
import { startTheme } from "./state/theme";

startTheme();
startRouter();
if (location.pathname !== "/signin") void askSession();
const root = document.getElementById("app");
if (root) render(<App />, root);
