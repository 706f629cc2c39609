/** The STUN and TURN servers that a WHEP endpoint names in `Link` headers (RFC 9725 section 4.6). */

const LINK = /<([^>]*)>((?:\s*;\s*[\w-]+="[^"]*")*)/g;
const PARAMETER = /([\w-]+)="([^"]*)"/g;

/** What is no such link is passed over. */
export function iceServers(link: string | null): RTCIceServer[] {
  const found: RTCIceServer[] = [];
  for (const [, urls, text] of (link ?? "").matchAll(LINK)) {
    const parameters = new Map(
      [...(text ?? "").matchAll(PARAMETER)].map(([, name, value]) => [name, value]),
    );
    if (parameters.get("rel") !== "ice-server" || !/^(stun|turn)s?:/.test(urls ?? "")) continue;
    const username = parameters.get("username");
    const credential = parameters.get("credential");
    const server: RTCIceServer = { urls: urls ?? "" };
    if (username !== undefined) server.username = username;
    if (credential !== undefined) server.credential = credential;
    found.push(server);
  }
  return found;
}
