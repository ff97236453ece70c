// Build and development settings of the web UI. The build is a folder of hashed files with .br and .gz twins
// that the box embeds; in development, calls go to the box (CLINICVAULT_URL) or to the fixture server.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import { compressed } from "./scripts/compress.ts";

const box = process.env["CLINICVAULT_URL"] ?? "http://127.0.0.1:5199";
// The box refuses writes from another origin, so the proxy speaks as the box's own page.
const proxied = { target: box, changeOrigin: true, headers: { origin: box }, secure: false };

export default defineConfig({
  plugins: [svelte({ compilerOptions: { fragments: "tree", runes: true }, dynamicCompileOptions: ({ filename }) => (filename.includes("node_modules") ? { runes: undefined } : undefined) }), compressed()],
  build: {
    target: ["chrome114", "safari17", "firefox125"],
    cssCodeSplit: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { port: 5173, proxy: { "/api": { ...proxied, ws: true }, "/fhir": proxied, "/health": proxied, "/ca.crt": proxied } },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
