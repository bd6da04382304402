import type { ComponentType } from "preact";
import { Compass, ServerOff } from "lucide-preact";
import { Button } from "./design/button";
import { EmptyState, Skeleton } from "./design/states";
import { Toasts } from "./design/toast";
import { later } from "./later";
import { route } from "./router";
import type { Route } from "./routes";
import { Shell } from "./shell/shell";
import { askSession, session } from "./state/session";
import { CaptionPage } from "./pages/caption/caption";
import { DatasetsPage } from "./pages/datasets/datasets";
import { JobsPage } from "./pages/jobs/jobs";
import { OverviewPage } from "./pages/overview/overview";
import { PreparePage } from "./pages/prepare/prepare";
import { SearchPage } from "./pages/search/search";
import { SignInPage } from "./pages/signin/signin";

const ImagesPage = later<{ id: string }>(() => import("./pages/images/images").then((m) => m.ImagesPage));
const ReviewPage = later<{ id: string }>(() => import("./pages/review/review").then((m) => m.ReviewPage));
const TrainPage = later<{ id: string }>(() => import("./pages/train/train").then((m) => m.TrainPage));
const MapPage = later<{ id: string }>(() => import("./pages/map/map").then((m) => m.MapPage));
const RunPage = later<{ id: string }>(() => import("./pages/run/run").then((m) => m.RunPage));
const ComparePage = later(() => import("./pages/compare/compare").then((m) => m.ComparePage));
const ModelsPage = later(() => import("./pages/models/models").then((m) => m.ModelsPage));
const WorkersPage = later(() => import("./pages/workers/workers").then((m) => m.WorkersPage));
const SettingsPage = later(() => import("./pages/settings/settings").then((m) => m.SettingsPage));

const IN_DATASET: Record<"overview" | "images" | "prepare" | "review-variants" | "train" | "search" | "map", ComponentType<{ id: string }>> = {
  overview: OverviewPage,
  images: ImagesPage,
  prepare: PreparePage,
  "review-variants": ReviewPage,
  train: TrainPage,
  search: SearchPage,
  map: MapPage,
};

function Nowhere() {
  return (
    <EmptyState icon={Compass} title="There is no page at this address" text="It may have moved, or the address was cut off.">
      <Button href="/">Go to datasets</Button>
    </EmptyState>
  );
}

function Page({ of }: { of: Route }) {
  switch (of.page) {
    case "datasets":
      return <DatasetsPage />;
    case "caption":
      return <CaptionPage id={of.dataset} image={of.image} key={of.dataset} />;
    case "run":
      return <RunPage id={of.job} key={of.job} />;
    case "compare":
      return <ComparePage />;
    case "models":
      return <ModelsPage />;
    case "jobs":
      return <JobsPage />;
    case "workers":
      return <WorkersPage />;
    case "settings":
      return <SettingsPage />;
    case "signin":
      return <SignInPage />;
    case "nowhere":
      return <Nowhere />;
    default: {
      const Found = IN_DATASET[of.page];
      return <Found id={of.dataset} key={`${of.page} ${of.dataset}`} />;
    }
  }
}

function Unreachable() {
  return (
    <EmptyState icon={ServerOff} title="The server does not answer" text="Captions that were not yet sent are kept in this browser.">
      <Button onClick={() => void askSession()}>Try again</Button>
    </EmptyState>
  );
}

/** The whole dashboard: sign-in alone, everything else in the shell. */
export function App() {
  const now = route.value;
  const { state } = session.value;
  if (now.page === "signin") return <><SignInPage /><Toasts /></>;
  if (state === "unreachable") return <Unreachable />;
  if (state !== "in") return <Skeleton heights={[52, 300]} />;
  return (
    <>
      <Shell>
        <Page of={now} />
      </Shell>
      <Toasts />
    </>
  );
}
