// Builds the page's browser code into dist/page. On its own, since a checkout runs from its sources but for this.
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

// Whoever builds it, it is the same page: with `test`, as tests have it, vite would put names of source files into it.
process.env.NODE_ENV = 'production';

await build({
  configFile: false,
  logLevel: 'warn',
  root: fileURLToPath(new URL('page', import.meta.url)),
  base: '/page/',
  build: {
    outDir: fileURLToPath(new URL('../dist/page', import.meta.url)),
    emptyOutDir: true,
    assetsDir: '',
    target: 'es2022',
    modulePreload: { polyfill: false },
    // Everything is served by us and named by its content.
    rolldownOptions: { output: { entryFileNames: 'page-[hash].js', assetFileNames: 'page-[hash][extname]' } },
  },
});
