import { expect, test } from "vitest";
import { iceServers } from "../src/core/stream/ice";

test("servers come from links, as fetch joins them", () => {
  const link =
    '<stun:stun.example.org>; rel="ice-server", ' +
    '<turn:turn.example.org:3478?transport=udp>; rel="ice-server"; username="17:a"; ' +
    'credential="x+/="; credential-type="password"';
  expect(iceServers(link)).toEqual([
    { urls: "stun:stun.example.org" },
    { urls: "turn:turn.example.org:3478?transport=udp", username: "17:a", credential: "x+/=" },
  ]);
});

test("other links and nonsense are none", () => {
  expect(iceServers(null)).toEqual([]);
  expect(iceServers('</style.css>; rel="preload"')).toEqual([]);
  expect(iceServers('<https://example.org>; rel="ice-server"')).toEqual([]);
  expect(iceServers("<stun:a; rel=")).toEqual([]);
});
