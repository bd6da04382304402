import { defineConfig } from "vite";

const API = "http://127.0.0.1:8000";

export default defineConfig({
  base: "/",
  server: {
    proxy: {
      "/api": API,
      "/openapi.json": API,
      "/socket.io": { target: API, ws: true },
    },
  },
  build: {
    outDir: "dist",
    // light-dark() and oklch() are used as they are.
    target: ["chrome125", "edge125", "firefox128", "safari17.5"],
    chunkSizeWarningLimit: 700,
  },
});
