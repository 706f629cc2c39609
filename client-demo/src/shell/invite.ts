/** Links for somebody else, which carry a role where the server wants one. */
import { TokenBodySchema } from "../http";
import { linkTo } from "./address";
import { Refusal, read, send, Unreachable } from "./api";

const SECONDS = 12 * 3600;

/** A link to a session, to watch it or to drive. Throws Unreachable or Refusal. */
export async function invitation(session: string, scope: "watch" | "drive"): Promise<string> {
  try {
    const asked = { scope, session, link: true, seconds: SECONDS };
    const { link } = await read(await send("POST", "/tokens", asked), TokenBodySchema);
    if (link === null) throw new Unreachable("the answer has no link");
    return new URL(link, window.location.href).href;
  } catch (error) {
    if (error instanceof Refusal && error.code === "no-key") return linkTo("session", session);
    throw error;
  }
}
