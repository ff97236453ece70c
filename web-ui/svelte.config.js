import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

// No inline markup cloning (`fragments: "tree"`): the page runs under `require-trusted-types-for 'script'`.
export default { preprocess: vitePreprocess(), compilerOptions: { fragments: "tree" } };
