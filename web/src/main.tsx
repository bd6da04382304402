import { render } from "preact";
import "./design/tokens.css";
import "./design/base.css";
import { App } from "./shell/app";
import { startRouter } from "./routing/router";
import { askSession } from "./state/people/session";
import { startTheme } from "./state/theme";
import { watchUploads } from "./state/images/uploads";

startTheme();
startRouter();
watchUploads();
if (location.pathname !== "/signin") void askSession();
const root = document.getElementById("app");
if (root) render(<App />, root);
