import { render } from "preact";
import "./design/tokens.css";
import "./design/base.css";
import { App } from "./app";
import { startRouter } from "./router";
import { askSession } from "./state/session";
import { startTheme } from "./state/theme";
import { watchUploads } from "./state/uploads";

startTheme();
startRouter();
watchUploads();
if (location.pathname !== "/signin") void askSession();
const root = document.getElementById("app");
if (root) render(<App />, root);
