import type { ComponentType } from "preact";
import { Compass, ServerOff } from "lucide-preact";
import { Button } from "../design/button";
import { EmptyState, Skeleton } from "../design/states";
import { Toasts } from "../design/toasts";
import { PreparePage } from "../pages/augment/prepare/prepare";
import { CaptionPage } from "../pages/captions/caption/caption";
import { DatasetsPage } from "../pages/datasets/list/datasets";
import { OverviewPage } from "../pages/datasets/overview/overview";
import { JobsPage } from "../pages/jobs/list/jobs";
import { SetUpPage } from "../pages/people/sign-in/set-up";
import { SignInPage } from "../pages/people/sign-in/sign-in";
import { SearchPage } from "../pages/search/search";
import { route } from "../routing/router";
import type { Route } from "../routing/routes";
import { askSession, session } from "../state/people/session";
import { lazyPage } from "./lazy-page";
import { Shell } from "./shell";

const ImagesPage = lazyPage<{ id: string }>(() => import("../pages/images/list/images").then((m) => m.ImagesPage));
const ReviewPage = lazyPage<{ id: string }>(() => import("../pages/augment/review/review").then((m) => m.ReviewPage));
const TrainPage = lazyPage<{ id: string }>(() => import("../pages/training/train/train").then((m) => m.TrainPage));
const MapPage = lazyPage<{ id: string }>(() => import("../pages/search/map/map").then((m) => m.MapPage));
const RunPage = lazyPage<{ id: string }>(() => import("../pages/jobs/run/run").then((m) => m.RunPage));
const ComparePage = lazyPage(() => import("../pages/training/compare/compare").then((m) => m.ComparePage));
const ModelsPage = lazyPage(() => import("../pages/models/list/models").then((m) => m.ModelsPage));
const WorkersPage = lazyPage(() => import("../pages/ops/workers").then((m) => m.WorkersPage));
const MembersPage = lazyPage<{ id: string }>(() => import("../pages/people/members/members").then((m) => m.MembersPage));
const EverybodyPage = lazyPage(() => import("../pages/people/everybody/everybody").then((m) => m.EverybodyPage));
const TrashPage = lazyPage(() => import("../pages/trash/trash").then((m) => m.TrashPage));
const AuditPage = lazyPage(() => import("../pages/ops/audit").then((m) => m.AuditPage));
const SettingsPage = lazyPage(() => import("../pages/people/settings/settings").then((m) => m.SettingsPage));

const IN_DATASET: Record<"overview" | "images" | "prepare" | "review-variants" | "train" | "search" | "map" | "people", ComponentType<{ id: string }>> = {
  overview: OverviewPage,
  images: ImagesPage,
  prepare: PreparePage,
  "review-variants": ReviewPage,
  train: TrainPage,
  search: SearchPage,
  map: MapPage,
  people: MembersPage,
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
    case "trash":
      return <TrashPage />;
    case "audit":
      return <AuditPage />;
    case "settings":
      return <SettingsPage />;
    case "everybody":
      return <EverybodyPage />;
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

/** The whole dashboard: signing in, and what that asks for, alone; everything else in the shell. */
export function App() {
  const now = route.value;
  const { state } = session.value;
  if (now.page === "signin") return <><SignInPage /><Toasts /></>;
  if (state === "unreachable") return <Unreachable />;
  if (state === "set-up") return <><SetUpPage /><Toasts /></>;
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
