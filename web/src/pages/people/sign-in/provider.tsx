import { KeyRound } from "lucide-preact";
import { providerSignIn, providerSignOut, type Ways } from "../../../api/people";
import { Button } from "../../../design/button";
import { ErrorState } from "../../../design/states";

/** The button that leads to the provider. */
export function ProviderButton({ ways, next }: { ways: Ways; next: string }) {
  if (!ways.provider) return null;
  return (
    <Button kind={ways.password ? "secondary" : "primary"} icon={KeyRound} href={providerSignIn(next)}>
      Sign in with {ways.provider.name}
    </Button>
  );
}

/** Why the sign-in before this page has failed. */
export function ProviderProblem({ ways }: { ways: Ways }) {
  if (!ways.problem) return null;
  const { message, remedy } = ways.problem;
  return <ErrorState problem={{ code: "sign_in", message, remedy }} />;
}

/** After a sign-out: the provider's own sign-in goes on. */
export function StillSignedInThere({ ways }: { ways: Ways }) {
  if (!ways.provider) return null;
  return (
    <p role="status">
      You have signed out here. Your sign-in at {ways.provider.name} goes on; on a shared computer{" "}
      <a href={providerSignOut}>sign out there, too</a>.
    </p>
  );
}
