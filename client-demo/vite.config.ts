import { defineConfig } from "vitest/config";

/** `npm run dev` serves the page with the API of a `lightcone serve` on its default port. */
const server = "http://127.0.0.1:8080";

export default defineConfig({
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    rollupOptions: { input: ["index.html", "status.html"] },
  },
  server: {
    proxy: {
      "/sessions": { target: server, ws: true },
      "/queue": server,
      "/catalogue": server,
      "/healthz": server,
      "/snapshots": server,
      "/recordings": server,
      "/tokens": server,
      "/status.json": server,
    },
  },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
