import { defineConfig } from "vite";

export default defineConfig({
  base: "/static/app/",
  publicDir: false,
  build: {
    outDir: "../static/app",
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    modulePreload: false,
    cssCodeSplit: false,
    chunkSizeWarningLimit: 2000,
    rollupOptions: {
      input: { app: "src/main.ts", load: "src/load/main.ts" },
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        codeSplitting: { groups: [{ name: "shared", minShareCount: 2 }] },
        assetFileNames: "app[extname]",
      },
    },
  },
});
